// Reference against hypothesis: what was replaced, left out and added. The alignment is that of the metric.
const kinds = ["substitution", "deletion", "insertion"];
const plural = (n, word) => `${n} ${word}${n === 1 ? "" : "s"}`;

/** The reference with its differences, and how many there are. `changes` holds five numbers per run of errors. */
function showDifferences(reference, heard, changes, glue) {
  const split = (text) => (text === "" ? [] : glue ? text.split(glue) : Array.from(text));
  const wanted = split(reference), got = split(heard), parts = [], counts = [0, 0, 0];
  let done = 0;
  const say = (tag, words, kind) => el(tag, { title: kind }, el("span", { class: "hidden" }, tag === "del" ? "[not heard: " : "[heard: "), words.join(glue), el("span", { class: "hidden" }, "]"));
  const push = (...nodes) => parts.push(...(parts.length && glue ? [glue] : []), ...nodes);
  for (let i = 0; i < changes.length; i += 5) {
    const [kind, r0, r1, h0, h1] = changes.slice(i, i + 5);
    if (r0 > done) push(wanted.slice(done, r0).join(glue));
    counts[kind] += Math.max(r1 - r0, h1 - h0);
    if (kind === 0) {
      for (let k = 0; k < r1 - r0; k++) {
        push(el("span", { class: "sub" }, say("del", [wanted[r0 + k]], "substitution"), say("ins", [got[h0 + k]], "substitution")));
      }
    } else if (kind === 1) push(say("del", wanted.slice(r0, r1), "deletion"));
    else push(say("ins", got.slice(h0, h1), "insertion"));
    done = r1;
  }
  if (done < wanted.length) push(wanted.slice(done).join(glue));
  const total = counts[0] + counts[1] + counts[2], unit = glue ? "word" : "character";
  const listed = counts.map((n, kind) => (n ? plural(n, kinds[kind]) : "")).filter(Boolean).join(", ");
  const text = `${plural(total, "error")} in ${plural(wanted.length, unit)}${listed ? `: ${listed}` : ""}`;
  return { parts, text, errors: total };
}

function textsOf(run, u) {
  const sections = [];
  for (const texts of run.texts) {
    if (!(u in texts.references)) continue;
    const glue = texts.characters.includes(u) ? "" : " ";
    const list = el("dl", { class: "heard" });
    list.append(el("dt", {}, "transcript"), el("dd", {}, texts.references[u]));
    run.systems.forEach((system, s) => {
      const found = texts.heard[s][u];
      if (!found) return;
      const { parts, text, errors } = showDifferences(texts.references[u], found[0], found[1], glue);
      const original = found[3] ? el("span", { class: "count" }, `as heard: ${found[3]}`) : null;
      list.append(
        el("dt", {}, system.label),
        el("dd", { "data-errors": errors, "data-system": system.label }, el("span", { class: "diff" }, ...parts), el("span", { class: "count" }, text), original),
      );
    });
    const how = texts.normaliser ? `, texts compared after the normaliser ${texts.normaliser}` : "";
    sections.push(el("h3", {}, `What ${texts.recogniser} heard`, el("span", { class: "muted" }, how)));
    if (texts.disagreeing) {
      sections.push(el("p", { class: "note warn" }, `${plural(texts.disagreeing, "text")} of this run differ from what its error rate counted; the scores are right, the marks may not be.`));
    }
    sections.push(list);
  }
  if (sections.length) {
    sections.push(el("p", { class: "legend" }, "Marks: ", el("span", { class: "sub" }, el("del", {}, "said"), el("ins", {}, "heard")), " replaced, ", el("del", {}, "left out"), ", ", el("ins", {}, "added"), "."));
  }
  return sections;
}
