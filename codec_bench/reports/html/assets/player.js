// Listening: all systems play at once from one clock, and one of them is heard, so that switching has no gap.
let audioContext = null;
// All is played at one rate: what a source node has to resample itself, it interpolates linearly, which adds images
// above the band of a codec at 8 kHz that the codec did not make.
const PLAYED_HZ = 48000;
const sidecars = new Map();

window.codecBenchAudio = (key, tracks) => {
  sidecars.get(key).resolve(tracks);
};

/** Tracks of an utterance by system: `[rate, FLAC in base64]`; from the page, or from a file beside it. */
function loadTracks(key) {
  if (data.embedded) {
    const held = document.getElementById(`audio-${key}`);
    return Promise.resolve(held ? JSON.parse(held.textContent) : {});
  }
  if (!sidecars.has(key)) {
    const waiting = {};
    waiting.promise = new Promise((resolve, reject) => { Object.assign(waiting, { resolve, reject }); });
    sidecars.set(key, waiting);
    const file = `report_audio/${key}.js`;
    loadScript(file, () => {
      sidecars.delete(key);
      waiting.reject(new Error(`${file} is not beside this page: move the folder report_audio with it`));
    });
  }
  return sidecars.get(key).promise;
}

/** Samples at a rate in Hz; the decoder's resampler is a good one, and works at the file's own rate not at all. */
function decode([, text], rate) {
  const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  return new OfflineAudioContext(1, 1, rate).decodeAudioData(bytes.buffer);
}

/** Plays buffers in step. `changed` is called whenever position, state or choice changes. */
class Player {
  constructor(buffers, changed) {
    this.buffers = buffers;
    this.changed = changed;
    this.duration = Math.max(...buffers.map((buffer) => buffer.duration));
    this.active = 0;
    this.offset = 0;
    this.voices = null;
  }

  get playing() { return this.voices !== null; }

  get position() {
    const now = this.playing ? this.offset + Math.max(0, audioContext.currentTime - this.started) : this.offset;
    return Math.min(now, this.duration);
  }

  async play() {
    audioContext ??= new AudioContext({ latencyHint: "interactive", sampleRate: PLAYED_HZ });
    if (audioContext.state === "suspended") await audioContext.resume();
    if (this.playing || this.closed) return;
    if (this.offset >= this.duration - 0.01) this.offset = 0;
    this.started = audioContext.currentTime + 0.02;
    this.voices = this.buffers.map((buffer, i) => {
      const source = audioContext.createBufferSource(), gain = audioContext.createGain();
      source.buffer = buffer;
      gain.gain.value = i === this.active ? 1 : 0;
      source.connect(gain).connect(audioContext.destination);
      source.start(this.started, Math.min(this.offset, buffer.duration));
      return { source, gain };
    });
    this.tick();
  }

  pause() {
    if (!this.playing) return;
    this.offset = this.position;
    this.voices.forEach(({ source, gain }) => { source.stop(); gain.disconnect(); });
    this.voices = null;
    this.changed();
  }

  toggle() { return this.playing ? this.pause() : this.play(); }

  seek(seconds) {
    const playing = this.playing;
    this.pause();
    this.offset = Math.min(Math.max(seconds, 0), this.duration);
    this.changed();
    if (playing) this.play();
  }

  choose(i) {
    if (i >= this.buffers.length) return;
    this.active = i;
    // Five milliseconds of crossfade, since a cut would click.
    (this.voices || []).forEach(({ gain }, k) => gain.gain.setTargetAtTime(k === i ? 1 : 0, audioContext.currentTime, 0.005));
    this.changed();
  }

  close() {
    this.closed = true;
    this.pause();
  }

  tick() {
    if (!this.playing) return;
    if (this.position >= this.duration) {
      this.pause();
      this.offset = 0;
    }
    this.changed();
    requestAnimationFrame(() => this.tick());
  }
}
