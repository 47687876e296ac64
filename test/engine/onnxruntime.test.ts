import { describe, expect, it } from 'vitest';
import { mnistCnn } from '../../models/mnist-cnn.ts';
import { classifierProgram } from '../../src/engine/index.ts';
import { lowered, onnxruntimeEngine, Session } from '../../src/engine/onnxruntime/index.ts';
import { key } from '../../src/random/index.ts';
import { engineConformance } from './conformance.ts';

for (const threads of [1, 2])
  engineConformance(`onnxruntime, threads ${threads}`, () => onnxruntimeEngine({ device: 'cpu', threads }));

describe('onnxruntime', () => {
  it('says what cannot be loaded, on one line', async () => {
    const broken = Session.fromBytes(Uint8Array.of(1, 2, 3), { device: 'cpu', threads: 1 });
    await expect(broken).rejects.toThrow(/^E_ENGINE: onnxruntime cannot load the graph: .+$/);
  });

  it('is given gradients as nodes: outputs of the program, then the gradients', () => {
    const graph = lowered(classifierProgram(mnistCnn.build(key(0)), 'ce'), 'cpu');
    expect(graph.outputs.map((o) => o.name)).toEqual(['logits', 'loss', 'gradient']);
    expect(graph.outputs.at(-1)!.type).toMatchObject({ shape: ['N', 1, 28, 28] });
  });

  it('closes what is open, and does not mind being closed twice', async () => {
    const engine = onnxruntimeEngine({ device: 'cpu', threads: 1 });
    const program = await engine.compile(classifierProgram(mnistCnn.build(key(0)), 'ce'));
    const trainer = await engine.trainer({
      model: mnistCnn.build(key(0)),
      parameters: ['fc2.bias'],
      optimizer: { momentum: 0, weightDecay: 0 },
    });
    const inner = await trainer.compile(classifierProgram(mnistCnn.build(key(0)), 'ce'));
    await inner.close();
    await trainer.close();
    await program.close();
    await program.close();
    await engine.close();
    await engine.close();
  });
});
