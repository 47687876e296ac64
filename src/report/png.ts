/** A PNG writer for small images: 8 bits, grey or RGB, no filter (PNG specification, W3C 2003, sections 5 and 11). */
import { zlibSync } from 'fflate';
import { TouchstoneError } from '../errors.ts';

const crcTable = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let k = 0; k < 8; k++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
  return c;
});

function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = crcTable[(crc ^ byte) & 0xff]! ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

function chunk(type: string, data: Uint8Array): Uint8Array {
  const out = new Uint8Array(12 + data.length);
  const view = new DataView(out.buffer);
  view.setUint32(0, data.length);
  for (let i = 0; i < 4; i++) out[4 + i] = type.charCodeAt(i);
  out.set(data, 8);
  view.setUint32(8 + data.length, crc32(out.subarray(4, 8 + data.length)));
  return out;
}

/**
 * Encodes an image.
 *
 * @param pixels - `[C, H, W]` in [0, 1]; values outside are clipped, NaN is black
 * @param shape - C is 3 for RGB; of any other number of channels the mean is shown, in grey
 * @throws TouchstoneError `E_SHAPE` when the number of pixels is not C·H·W.
 */
export function encodePng(pixels: Float32Array, shape: readonly [number, number, number]): Uint8Array {
  const [channels, height, width] = shape;
  const size = height * width;
  if (!shape.every((side) => Number.isInteger(side) && side > 0) || pixels.length !== channels * size) {
    throw new TouchstoneError(
      'E_SHAPE',
      `an image of ${pixels.length} values`,
      `[C, H, W] = [${shape.join(', ')}]`,
    );
  }
  const samples = channels === 3 ? 3 : 1;
  const stride = 1 + width * samples; // each row starts with its filter type, 0
  const rows = new Uint8Array(height * stride);
  for (let i = 0; i < size; i++) {
    const at = Math.floor(i / width) * stride + 1 + (i % width) * samples;
    for (let s = 0; s < samples; s++) {
      let value = pixels[s * size + i]!;
      if (samples === 1) for (let c = 1; c < channels; c++) value += pixels[c * size + i]!;
      rows[at + s] = Math.round(255 * Math.min(1, Math.max(0, samples === 1 ? value / channels : value)));
    }
  }
  const header = new Uint8Array(13);
  const view = new DataView(header.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  header.set([8, samples === 3 ? 2 : 0, 0, 0, 0], 8); // bit depth, colour type, deflate, filters, no interlace
  const parts = [
    Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a),
    chunk('IHDR', header),
    chunk('IDAT', zlibSync(rows, { level: 9 })),
    chunk('IEND', new Uint8Array(0)),
  ];
  const png = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    png.set(part, offset);
    offset += part.length;
  }
  return png;
}

/** An image as a `data:` URI; parameters as in {@link encodePng}. */
export function pngDataUri(pixels: Float32Array, shape: readonly [number, number, number]): string {
  let binary = '';
  for (const byte of encodePng(pixels, shape)) binary += String.fromCharCode(byte);
  return `data:image/png;base64,${btoa(binary)}`;
}
