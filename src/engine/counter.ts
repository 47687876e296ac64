import type { Counts, Program, Values } from './engine.ts';

/** The one place where passes are counted. */
export class PassCounter {
  #forward = 0;
  #backward = 0;
  #forwardImages = 0;
  #backwardImages = 0;

  /**
   * One run of a program: a forward pass, a backward pass where it has gradients. A Hessian-vector product is one backward
   * pass, too, and a gradient that is put out beside it another.
   */
  count(program: Pick<Program, 'graph' | 'gradient'>, feeds: Values): void {
    const first = program.graph.inputs.find((i) => !program.graph.initializers.has(i.name));
    const images = (first && feeds[first.name]?.shape[0]) ?? 1;
    this.#forward += 1;
    this.#forwardImages += images;
    const { gradient } = program;
    if (!gradient) return;
    const passes = gradient.along ? 1 + (gradient.names.length > 0 ? 1 : 0) : 1;
    this.#backward += passes;
    this.#backwardImages += passes * images;
  }

  read(): Counts {
    return {
      forward: this.#forward,
      backward: this.#backward,
      forwardImages: this.#forwardImages,
      backwardImages: this.#backwardImages,
    };
  }
}
