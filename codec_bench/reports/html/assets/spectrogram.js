// Spectrograms from samples, drawn on a canvas: 32 ms Hann windows, 80 dB below the loudest bin of the original.
const anchors = [[0, 0, 4], [40, 11, 84], [101, 21, 110], [159, 42, 99], [212, 72, 66], [245, 125, 21], [250, 193, 39], [252, 255, 164]];

function colourOf(share) {
  const place = Math.min(Math.max(share, 0), 1) * (anchors.length - 1), i = Math.min(Math.floor(place), anchors.length - 2);
  return anchors[i].map((from, c) => from + (anchors[i + 1][c] - from) * (place - i));
}

/** Magnitudes in place: radix-2 FFT of `re`, `im` of a power of two. */
function fft(re, im) {
  const n = re.length;
  for (let i = 1, j = 0; i < n; i++) {
    let bit = n >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i < j) [re[i], re[j], im[i], im[j]] = [re[j], re[i], im[j], im[i]];
  }
  for (let size = 2; size <= n; size *= 2) {
    const step = (-2 * Math.PI) / size, half = size / 2;
    for (let k = 0; k < half; k++) {
      const c = Math.cos(step * k), s = Math.sin(step * k);
      for (let a = k; a < n; a += size) {
        const b = a + half, r = re[b] * c - im[b] * s, i = re[b] * s + im[b] * c;
        re[b] = re[a] - r; im[b] = im[a] - i; re[a] += r; im[a] += i;
      }
    }
  }
}

/** Levels in dB as `[columns][bins]`, one column per pixel, over `seconds` from the start. */
function spectrum(samples, rate, columns, seconds) {
  const size = 2 ** Math.round(Math.log2(0.032 * rate)), found = [];
  const window = Float32Array.from({ length: size }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / size));
  for (let column = 0; column < columns; column++) {
    const start = Math.round(((column + 0.5) / columns) * seconds * rate - size / 2);
    const re = new Float32Array(size), im = new Float32Array(size);
    for (let i = 0; i < size; i++) re[i] = (samples[start + i] || 0) * window[i];
    fft(re, im);
    found.push(Float32Array.from({ length: size / 2 }, (_, i) => 20 * Math.log10((Math.hypot(re[i], im[i]) * 4) / size + 1e-9)));
  }
  return found;
}

const loudest = (levels) => levels.reduce((top, column) => column.reduce((a, b) => Math.max(a, b), top), -120);

/** Draws levels up to `topHz`; what lies above the signal's own band stays black. */
function paint(canvas, levels, rate, topHz, ceiling) {
  const context = canvas.getContext("2d"), { width, height } = canvas, image = context.createImageData(width, height);
  for (let x = 0; x < width; x++) {
    for (let y = 0; y < height; y++) {
      const bin = Math.floor(((height - 1 - y) / height) * (topHz / (rate / 2)) * levels[x].length);
      const [r, g, b] = colourOf(bin < levels[x].length ? (levels[x][bin] - ceiling + 80) / 80 : 0);
      image.data.set([r, g, b, 255], 4 * (y * width + x));
    }
  }
  context.putImageData(image, 0, 0);
}
