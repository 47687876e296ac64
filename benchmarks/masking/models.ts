/** What `bench masking` looks at: honest classifiers, and broken defences around one of them. */
import { basename } from 'node:path';
import { type BrokenDefence, brokenDefences } from '../../models/broken/index.ts';
import { firstImages, loadData } from '../../src/data/index.ts';
import type { Engine } from '../../src/engine/index.ts';
import type { Threat } from '../../src/eval/index.ts';
import type { Graph } from '../../src/graph/index.ts';
import { readModelFile } from '../../src/io/index.ts';
import { openModel } from '../../src/runs/open-model.ts';
import { type Pictures, patternClassifier, patterns } from './patterns.ts';

export interface Subject {
  readonly name: string;
  readonly about: string;
  /** The check that must fail; undefined for a model without fault, of which none may. */
  readonly check?: string;
  readonly threat: Threat;
  readonly graph: Graph;
  readonly pictures: Pictures;
}

const linf = (epsilon: number): Threat => ({ norm: 'linf', epsilon });

const checkpoint = async (name: string): Promise<Graph> => {
  const { model } = await readModelFile(new URL(`../../models/zoo/${name}.onnx`, import.meta.url).pathname);
  return model.graph;
};

export interface Base {
  /** An .onnx file. */
  readonly path: string;
  /** As `--data` takes it. */
  readonly data: string;
  readonly epsilon: number;
}

/**
 * A model of anyone's, taken to be honest, and the broken defences around it.
 *
 * @param n images of each
 */
export async function subjectsAround({ path, data, epsilon }: Base, n: number): Promise<Subject[]> {
  const set = await loadData(data, 'test');
  const images = firstImages(set, n);
  const { subject, close } = await openModel(path, { threads: 1, image: set.shape });
  await close();
  const given = {
    threat: linf(epsilon),
    pictures: { x: { data: images.x, shape: images.shape }, y: images.y },
  };
  const name = basename(path, '.onnx');
  return [
    { ...given, name, about: 'as it is', graph: subject.graph },
    ...Object.values(brokenDefences).map((broken) => around(broken, subject.graph, name, given)),
  ];
}

const around = (
  { name, about, check, build }: BrokenDefence,
  graph: Graph,
  base: string,
  given: Pick<Subject, 'threat' | 'pictures'>,
): Subject => ({ ...given, name, about: `${base} with ${about}`, check, graph: build(graph) });

/** @param n images of each */
export async function subjects(engine: Engine, n: number): Promise<Subject[]> {
  const images = firstImages(await loadData('mnist', 'test'), n);
  const mnist = {
    threat: linf(0.1),
    pictures: { x: { data: images.x, shape: images.shape }, y: images.y },
  };
  const natural = await checkpoint('mnist-natural');
  return [
    { ...mnist, name: 'mnist-natural', about: 'trained without attacks', graph: natural },
    {
      ...mnist,
      name: 'mnist-pgd',
      about: 'trained on PGD at ε = 0.1',
      graph: await checkpoint('mnist-pgd'),
    },
    {
      name: 'patterns',
      about: 'another net, trained by `fast` on generated colour images',
      threat: linf(0.03),
      graph: await patternClassifier(engine),
      pictures: patterns('test', n),
    },
    ...Object.values(brokenDefences).map((broken) => around(broken, natural, 'mnist-natural', mnist)),
    {
      ...mnist,
      name: 'mnist-overfitted',
      about: 'trained on FGSM until it overfitted, ε = 0.2',
      check: 'one-step-misled',
      threat: linf(0.2),
      graph: await checkpoint('mnist-overfitted'),
    },
  ];
}
