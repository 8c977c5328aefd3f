// Frames of the stream encoding as bytes: made from their segments, and cut out of a stream. Nothing here depends on the code
// under test.

/** A frame whose segments hold these bytes, each a whole number of words. */
export function frameOf(...segments: readonly Uint8Array[]): Uint8Array {
  const table = segmentTable(segments.map((segment) => segment.length / 8));
  return new Uint8Array(Buffer.concat([table, ...segments]));
}

/** A segment table that promises segments of these sizes, in words. */
export function segmentTable(segmentWords: readonly number[]): Uint8Array {
  const entries = [segmentWords.length - 1, ...segmentWords];
  if (entries.length % 2 === 1) entries.push(0);
  return new Uint8Array(new Uint32Array(entries).buffer);
}

/** Copies of the segments of a whole frame. */
export function segmentsOf(frame: Uint8Array): Uint8Array[] {
  const { sizes, tableBytes } = readTable(frame);
  let start = tableBytes;
  return sizes.map((sizeBytes) => {
    start += sizeBytes;
    return new Uint8Array(frame.subarray(start - sizeBytes, start));
  });
}

/** The frames of a stream that ends with one. */
export function splitFrames(stream: Uint8Array): Uint8Array[] {
  const frames: Uint8Array[] = [];
  for (let at = 0; at < stream.length; ) {
    const { sizes, tableBytes } = readTable(stream.subarray(at));
    const sizeBytes = sizes.reduce((sum, size) => sum + size, tableBytes);
    frames.push(stream.slice(at, at + sizeBytes));
    at += sizeBytes;
  }
  return frames;
}

/** The sizes of a frame's segments in bytes, and that of its table. */
function readTable(frame: Uint8Array): { sizes: number[]; tableBytes: number } {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.length);
  const count = view.getUint32(0, true) + 1;
  const sizes = Array.from({ length: count }, (_, index) => view.getUint32(4 + index * 4, true) * 8);
  return { sizes, tableBytes: Math.ceil((4 + count * 4) / 8) * 8 };
}

/** Cuts `bytes` at these offsets, in any order and with repetitions. */
export function cutAt(bytes: Uint8Array, offsets: readonly number[]): Uint8Array[] {
  const ends = [...offsets, bytes.length].sort((a, b) => a - b);
  return ends.map((end, index) => bytes.slice(ends[index - 1] ?? 0, end));
}
