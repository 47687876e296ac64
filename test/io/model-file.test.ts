import { createHash } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import fs from 'fs-extra';
import { ModelProtoSchema, TensorProto_DataLocation, TensorProtoSchema } from 'onnx-buf';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { writeModel } from '../../src/graph/proto/index.ts';
import { readModelFile, sha256, writeModelFile } from '../../src/io/index.ts';
import { classifier, floats, graph, model, node } from '../graph/proto-models.ts';

let folder: string;
const at = (...names: string[]) => join(folder, ...names);
beforeEach(async () => {
  folder = await fs.mkdtemp(join(tmpdir(), 'touchstone-'));
  fs.mkdirSync(at('models', 'weights'), { recursive: true });
});
afterEach(() => fs.remove(folder));

const data = new Uint8Array(Float32Array.of(1, 2, 3, 4).buffer);

/** Writes models/m.onnx, whose tensors (two floats each) are where `locations` say. */
function writeExternal(...locations: Record<string, string>[]): string {
  const values = Object.fromEntries(locations.map((_, i) => [`w${i}`, floats([2])]));
  const nodes = locations.map((_, i) => node('Identity', [`w${i}`], [`y${i}`]));
  const whole = model(graph(nodes, values, [], ['y0']));
  const proto = fromBinary(ModelProtoSchema, writeModel(whole));
  proto.graph!.initializer = locations.map((entries, i) =>
    create(TensorProtoSchema, tensor(`w${i}`, entries)),
  );
  fs.writeFileSync(at('models', 'm.onnx'), toBinary(ModelProtoSchema, proto));
  return at('models', 'm.onnx');
}

const tensor = (
  name: string,
  entries: Record<string, string>,
): MessageInitShape<typeof TensorProtoSchema> => ({
  name,
  dims: [2n],
  dataType: 1,
  dataLocation: TensorProto_DataLocation.EXTERNAL,
  externalData: Object.entries(entries).map(([key, value]) => ({ key, value })),
});

describe('a model file', () => {
  it('is read as it was written, with its hash and size', async () => {
    await writeModelFile(at('new', 'm.onnx'), classifier());
    const bytes = writeModel(classifier());
    const sha = createHash('sha256').update(bytes).digest('hex');
    const read = await readModelFile(at('new', 'm.onnx'));
    expect(read).toStrictEqual({ model: classifier(), sha256: sha, bytes: bytes.length });
    expect(sha256(bytes)).toBe(sha);
  });

  it('is refused where it is missing, a folder, too large or no model', async () => {
    await expect(readModelFile(at('m.onnx'))).rejects.toThrow(
      /^E_FILE: cannot read .*m.onnx: there is no such file/,
    );
    await expect(readModelFile(folder)).rejects.toThrow(/^E_FILE: .* is a folder/);
    fs.writeFileSync(at('m.onnx'), 'not a model');
    await expect(readModelFile(at('m.onnx'), { limits: { fileBytes: 5 } })).rejects.toThrow(
      /^E_FILE: .*11 bytes/,
    );
    await expect(readModelFile(at('m.onnx'))).rejects.toThrow(/^E_ONNX/);
  });
});

describe('external data', () => {
  it('is read from beside the model and below, and hashed with it', async () => {
    fs.writeFileSync(at('models', 'b.bin'), data);
    fs.writeFileSync(at('models', 'weights', 'a.bin'), data);
    const path = writeExternal(
      { location: './weights/a.bin', offset: '8', length: '8' },
      { location: 'b.bin', offset: '0', length: '8' },
      { location: 'b.bin' },
    );
    const read = await readModelFile(path);
    const values = [...read.model.graph.initializers.values()].map((t) => [...(t.data as Float32Array)]);
    expect(values).toEqual([
      [3, 4],
      [1, 2],
      [1, 2],
    ]);
    const onnx = fs.readFileSync(path);
    expect(read.bytes).toBe(onnx.length + 32);
    expect(read.sha256).toBe(sha256([onnx, data, data]));
    fs.writeFileSync(at('models', 'b.bin'), Uint8Array.from(data).fill(1, 15));
    expect((await readModelFile(path)).sha256).not.toBe(read.sha256);
  });

  it('is referred to where a model is written without it, and comes to the same model', async () => {
    const model = classifier();
    const [name, tensor] = [...model.graph.initializers].find(([, t]) => t.dtype === 'float32')!;
    const { buffer, byteOffset, byteLength } = tensor.data as Float32Array;
    fs.writeFileSync(at('models', 'lean.onnx'), writeModel(model, new Map([[name, 'weights/0']])));
    fs.writeFileSync(at('models', 'weights', '0'), new Uint8Array(buffer, byteOffset, byteLength));
    expect((await readModelFile(at('models', 'lean.onnx'))).model).toStrictEqual(model);
    const whole = writeModel(model).length;
    expect(fs.statSync(at('models', 'lean.onnx')).size).not.toBe(whole);
  });

  it.each([
    '/etc/passwd',
    '../secret',
    'weights/../../secret',
    'weights\\..\\..\\secret',
    'C:\\secret',
    'C:secret',
    '\\\\server\\share',
    'a\0b',
    '.',
    '..',
    '/',
  ])('is refused outside the model’s folder: %j', async (location) => {
    fs.writeFileSync(at('secret'), data);
    const path = writeExternal({ location });
    await expect(readModelFile(path)).rejects.toThrow(
      /^E_FILE: external data in .*expected a file in the model's folder/,
    );
  });

  it('is refused behind a symbolic link that leads out, by file or by folder', async () => {
    fs.mkdirSync(at('other'));
    fs.writeFileSync(at('other', 'secret'), data);
    fs.symlinkSync(at('other', 'secret'), at('models', 'link.bin'));
    fs.symlinkSync(at('other'), at('models', 'sub'));
    fs.symlinkSync('../../other/secret', at('models', 'weights', 'relative.bin'));
    for (const location of ['link.bin', 'sub/secret', 'weights/relative.bin'])
      await expect(readModelFile(writeExternal({ location }))).rejects.toThrow(
        /^E_FILE: external data in .*not a link/,
      );
    // A folder whose name begins like the model's is another one.
    fs.mkdirSync(at('models-2'));
    fs.writeFileSync(at('models-2', 'x'), data);
    fs.symlinkSync(at('models-2', 'x'), at('models', 'x'));
    await expect(readModelFile(writeExternal({ location: 'x' }))).rejects.toThrow(/^E_FILE: external data/);
  });

  it('is read behind a symbolic link that stays inside, also where the folder itself is one', async () => {
    fs.writeFileSync(at('models', 'weights', 'a.bin'), data);
    fs.symlinkSync('weights/a.bin', at('models', 'link.bin'));
    fs.symlinkSync(at('models'), at('alias'));
    writeExternal({ location: 'link.bin' });
    await expect(readModelFile(at('alias', 'm.onnx'))).resolves.toMatchObject({ sha256: expect.any(String) });
  });

  it('is refused where it is missing, a folder, a device, or too short', async () => {
    const reading = (entries: Record<string, string>) =>
      expect(readModelFile(writeExternal(entries))).rejects;
    fs.writeFileSync(at('models', 'short'), data.subarray(0, 6));
    await reading({ location: 'none' }).toThrow(
      /^E_FILE: cannot read the model's external data "none": there is no such/,
    );
    await reading({ location: 'weights' }).toThrow(/^E_FILE: .*weights is a folder/);
    await reading({ location: 'short' }).toThrow(/^E_FILE: bytes 0 to 8 of .*short, which has 6/);
    await reading({ location: 'short', offset: '9007199254740991' }).toThrow(
      /^E_FILE: bytes 9007199254740991/,
    );
    if (process.platform === 'linux') {
      fs.symlinkSync('/dev/zero', at('models', 'zero'));
      await reading({ location: 'zero' }).toThrow(/^E_FILE: external data/);
    }
  });

  it('is refused where it would be huge, before it is read', async () => {
    fs.writeFileSync(at('models', 'huge'), '');
    fs.truncateSync(at('models', 'huge'), 2 ** 40);
    await expect(readModelFile(writeExternal({ location: 'huge' }))).rejects.toThrow(
      /^E_FILE: .*1099511627776 bytes/,
    );
  });

  it('shared by many tensors takes the memory of one', async () => {
    fs.writeFileSync(at('models', 'a.bin'), data);
    const path = writeExternal({ location: 'a.bin' }, { location: 'a.bin', offset: '0', length: '8' });
    const [a, b] = [...(await readModelFile(path)).model.graph.initializers.values()];
    expect((a!.data as Float32Array).buffer).toBe((b!.data as Float32Array).buffer);
  });
});
