
const DIGITS = new Uint8Array(128);
for (let code = 33, digit = 0; code < 127; code += 1) {
  if (!"!\"&'-<>\\`".includes(String.fromCharCode(code))) DIGITS[code] = digit++;
}

/** Decodes base 85, five digits for four bytes. */
export function decoded(text) {
  const bytes = new Uint8Array(Math.floor((text.length * 4) / 5));
  const view = new DataView(bytes.buffer);
  const value = (at, digit) => {
    let sum = 0;
    for (let i = 0; i < 5; i += 1) sum = sum * 85 + digit(at + i);
    return sum;
  };
  const whole = Math.floor(text.length / 5);
  for (let i = 0; i < whole; i += 1) view.setUint32(4 * i, value(5 * i, (at) => DIGITS[text.charCodeAt(at)]));
  // A shorter last group is padded with the largest digit, so that its bytes are exact.
  const rest = value(5 * whole, (at) => (at < text.length ? DIGITS[text.charCodeAt(at)] : 84));
  for (let at = 4 * whole, shift = 24; at < bytes.length; at += 1, shift -= 8) bytes[at] = rest / 2 ** shift;
  return bytes;
}

/** Restores the order of bytes that are stored with those at even positions first, and then the others. */
export function joined(parted) {
  const bytes = new Uint8Array(parted.length);
  const half = Math.ceil(parted.length / 2);
  for (let i = 0; i < half; i += 1) bytes[2 * i] = parted[i];
  for (let i = half; i < parted.length; i += 1) bytes[2 * (i - half) + 1] = parted[i];
  return bytes;
}

globalThis.headstart = { load, pixelsOf, decoded, joined };
