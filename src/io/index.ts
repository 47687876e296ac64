export { writeFileAtomic, writeFilesAtomic } from './atomic.ts';
export { sha256 } from './hash.ts';
export { type ModelFile, readModelFile, writeModelFile } from './model-file.ts';
export { readFileLimited } from './read.ts';
