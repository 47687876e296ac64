import { describe, expect, it } from 'vitest';
import {
  canonicalise,
  float32,
  int64,
  type Model,
  modernise,
  unsupportedNodes,
} from '../../src/graph/index.ts';
import { older } from '../eval/older-models.ts';
import { check, int, ints, made, ops, random, text } from './canonical.ts';
import { floats, node } from './proto-models.ts';

describe('operators as older sets wrote them', () => {
  it.each(older)('%s', async (_name, m) => {
    await check(m);
  });

  const forms: readonly (readonly [string, Model])[] = [
    [
      'Resize of set 10, larger',
      made([node('Resize', ['x', 's'], ['y'])], { s: float32([1, 1, 2, 3]) }, { opset: 10 }),
    ],
    [
      'Resize of set 10, smaller',
      made([node('Resize', ['x', 's'], ['y'])], { s: float32([1, 1, 0.5, 0.4]) }, { opset: 10 }),
    ],
    [
      'Resize of set 10, linear',
      made(
        [node('Resize', ['x', 's'], ['y'], { mode: text('linear') })],
        { s: float32([1, 1, 2, 1.5]) },
        { opset: 10 },
      ),
    ],
    [
      'Resize of set 11 with empty inputs',
      made(
        [node('Resize', ['x', 'e', 'e', 'z'], ['y'], { mode: text('linear') })],
        { e: float32([]), z: int64([3, 4, 9, 8]) },
        { opset: 11, shape: [3, 4, 6, 6] },
      ),
    ],
    [
      'Upsample of set 7',
      made(
        [node('Upsample', ['x'], ['y'], { scales: { type: 'floats', value: [1, 1, 2, 2] } })],
        {},
        { opset: 7 },
      ),
    ],
    [
      'Upsample of set 9',
      made([node('Upsample', ['x', 's'], ['y'])], { s: float32([1, 1, 2, 2]) }, { opset: 9 }),
    ],
    [
      'Split in equal parts',
      made(
        [node('Split', ['x'], ['a', 'b'], { axis: int(1) }), node('Sub', ['a', 'b'], ['y'])],
        {},
        { opset: 11 },
      ),
    ],
    [
      'Split with sizes as an attribute',
      made(
        [
          node('Split', ['x'], ['a', 'b'], { axis: int(1), split: ints(1, 3) }),
          node('Sub', ['b', 'a'], ['y']),
        ],
        {},
        { opset: 11 },
      ),
    ],
    [
      'Split of set 13',
      made(
        [node('Split', ['x'], ['a', 'b'], { axis: int(1) }), node('Sub', ['a', 'b'], ['y'])],
        {},
        { opset: 13 },
      ),
    ],
    ['TopK of set 9', made([node('TopK', ['x'], ['y', 'i'], { k: int(2) })], {}, { opset: 9 })],
    ['Hardmax of set 11', made([node('Hardmax', ['x'], ['y'], { axis: int(2) })], {}, { opset: 11 })],
    [
      'Softmax of set 11 over the last axis',
      made([node('Softmax', ['x'], ['y'], { axis: int(3) })], {}, { opset: 11 }),
    ],
    [
      'Scatter',
      made(
        [node('Scatter', ['x', 'i', 'u'], ['y'], { axis: int(1) })],
        { i: int64([2, 0], [1, 2, 1, 1]), u: floats([1, 2, 1, 1]) },
        { opset: 9, shape: [1, 4, 6, 6] },
      ),
    ],
    [
      'GroupNormalization with values per group',
      made(
        [node('GroupNormalization', ['x', 's', 'b'], ['y'], { num_groups: int(2) })],
        { s: floats([2]), b: floats([2], Math.cos) },
        { opset: 18 },
      ),
    ],
    [
      'GroupNormalization with values per channel',
      made(
        [node('GroupNormalization', ['x', 's', 'b'], ['y'], { num_groups: int(2) })],
        { s: floats([4]), b: floats([4], Math.cos) },
        { opset: 21 },
      ),
    ],
    [
      'GridSample with the names of set 16',
      made(
        [node('GridSample', ['x', 'g'], ['y'], { mode: text('bilinear') })],
        { g: random('g', [1, 3, 2, 2]) },
        { opset: 16, shape: [1, 4, 6, 6] },
      ),
    ],
    [
      'BatchNormalization of set 7',
      made(
        [node('BatchNormalization', ['x', 'g', 'b', 'm', 'v'], ['y'], { spatial: int(1) })],
        { g: floats([4]), b: floats([4]), m: floats([4]), v: floats([4], (i) => i + 1) },
        { opset: 7 },
      ),
    ],
    [
      'QuantizeLinear with output_dtype',
      made(
        [
          node('QuantizeLinear', ['x', 's'], ['q'], { output_dtype: int(3) }),
          node('DequantizeLinear', ['q', 's'], ['y'], { output_dtype: int(1) }),
        ],
        { s: float32([0.01], []) },
        { opset: 23 },
      ),
    ],
  ];
  it.each(forms)('%s', async (_name, m) => {
    await check(m);
  });

  it('Softmax over the last axis is one node, though it was flattened before set 13', async () => {
    expect(ops(await check(forms.find(([name]) => name.includes('last axis'))![1]))).toEqual(['Softmax']);
  });

  it.each([6, 26])('set %i is refused', (opset) => {
    expect(() => modernise(made([node('Relu', ['x'], ['y'])], {}, { opset }))).toThrow(
      `E_UNSUPPORTED: a model in operator set ${opset}, expected 7 to 25`,
    );
  });

  it('a form without a newer one is refused by name', () => {
    const m = made(
      [node('BatchNormalization', ['x', 'g', 'g', 'g', 'g'], ['y'], { spatial: int(0) })],
      { g: floats([4]) },
      { opset: 7 },
    );
    expect(() => canonicalise(m)).toThrow(/E_UNSUPPORTED: BatchNormalization "batchnormalization_y"/);
    expect(unsupportedNodes(m)).toHaveLength(1);
  });
});
