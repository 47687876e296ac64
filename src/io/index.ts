/** The edge to the file system and the machine: nothing below imports it. */
export { type Content, writeFileAtomic, writeFilesAtomic } from './atomic.ts';
export { type Machine, machine, packageRoot, packageVersion, tool } from './environment.ts';
export { sha256 } from './hash.ts';
export { type ModelFile, readModelFile, writeModelFile } from './model-file.ts';
export type { NumericTensor } from './npy.ts';
export { decodeNpz, encodeNpz, namesInNpz } from './npz.ts';
export { type NpzMember, npzStream } from './npz-stream.ts';
export { readFileLimited } from './read.ts';
