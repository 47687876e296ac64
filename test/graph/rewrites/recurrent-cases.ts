import { type Case, type Cases, constant, type Draw, fed, int, reals, text, texts } from './draw.ts';

/** A recurrent layer of random sizes, directions, states and activations. */
const recurrent =
  (
    gates: number,
    chosen: (d: Draw) => readonly string[] | undefined,
    more: (d: Draw) => Case['attributes'],
  ) =>
  (d: Draw): Case => {
    const [steps, batch, features, hidden] = [d.int(1, 4), d.int(1, 3), d.int(1, 4), d.int(1, 4)];
    const direction = d.pick(['forward', 'reverse', 'bidirectional']);
    const D = direction === 'bidirectional' ? 2 : 1;
    const G = gates * hidden;
    const state = () => (d.bool() ? fed(d.floats([D, batch, hidden]), 1) : undefined);
    const lengths = { dtype: 'int32', shape: [batch], data: new Int32Array(batch).fill(steps) } as const;
    const activations = chosen(d);
    const peephole = gates === 4 && d.bool() ? constant(d.floats([D, 3 * hidden])) : undefined;
    // The sizes of fixed lengths are known, so that the batch is known with them.
    const whole = d.bool();
    const x = d.floats([steps, batch, features]);
    return {
      inputs: [
        whole ? { tensor: x, constant: false } : fed(x, 1),
        constant(d.floats([D, G, features], -1, 1)),
        constant(d.floats([D, G, hidden], -1, 1)),
        d.bool() ? constant(d.floats([D, 2 * G], -1, 1)) : undefined,
        whole ? constant(lengths) : undefined,
        state(),
        ...(gates === 4 ? [state(), peephole] : []),
      ],
      attributes: {
        hidden_size: int(hidden),
        direction: text(direction),
        ...more(d),
        ...(activations
          ? {
              activations: texts(...new Array<readonly string[]>(D).fill(activations).flat()),
              ...(activations.includes('LeakyRelu')
                ? { activation_alpha: reals(...new Array<number>(D).fill(0.3)) }
                : {}),
            }
          : {}),
      },
      outputs: gates === 4 ? [true, true, true] : [true, true],
    };
  };

export const recurrentCases: Cases = {
  RNN: recurrent(
    1,
    (d) => d.pick([undefined, ['Relu'], ['LeakyRelu'], ['Sigmoid']]),
    () => ({}),
  ),
  GRU: recurrent(
    3,
    (d) => d.pick([undefined, undefined, ['Sigmoid', 'LeakyRelu'], ['HardSigmoid', 'Softsign']]),
    (d) => ({ linear_before_reset: int(d.int(0, 1)) }),
  ),
  LSTM: recurrent(
    4,
    (d) => d.pick([undefined, undefined, ['Sigmoid', 'LeakyRelu', 'Tanh']]),
    (d) => ({ input_forget: int(d.pick([0, 0, 1])) }),
  ),
};
