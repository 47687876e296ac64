import { TouchstoneError } from '../errors.ts';
import { formatShape, statisticNames, type Tensor } from '../graph/index.ts';
import type { TrainingOptions, TrainingState } from './engine.ts';

/**
 * What a trainer starts from: the values of the parameters, then of the normalisations' statistics.
 *
 * @throws E_UNSUPPORTED where the model has no such initializer
 */
export function initialValues({
  model,
  parameters,
}: Pick<TrainingOptions, 'model' | 'parameters'>): Map<string, Tensor> {
  return new Map(
    [...parameters, ...statisticNames(model)].map((name) => {
      const tensor = model.initializers.get(name);
      if (!tensor) throw new TouchstoneError('E_UNSUPPORTED', `no initializer "${name}" to train`);
      return [name, tensor];
    }),
  );
}

type Shapes = ReadonlyMap<string, { readonly shape: readonly number[] }>;

/** @throws E_SHAPE where a checkpoint has other names or shapes than the trainer */
export function checkState(
  own: { readonly parameters: Shapes; readonly velocities: Shapes },
  from: TrainingState,
): void {
  checkSame(own.parameters, from.parameters);
  checkSame(own.velocities, from.velocities);
}

function checkSame(own: Shapes, from: Shapes): void {
  for (const [name, { shape }] of own) {
    const tensor = from.get(name);
    if (!tensor || formatShape(tensor.shape) !== formatShape(shape))
      throw new TouchstoneError(
        'E_SHAPE',
        `the checkpoint's ${name} is ${tensor ? formatShape(tensor.shape) : 'missing'}`,
        formatShape(shape),
      );
  }
}
