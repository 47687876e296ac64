/** Who takes part: each engine of ours, and PyTorch in several variants. */
import type { Engine } from '../../src/engine/index.ts';
import { TouchstoneError } from '../../src/errors.ts';
import type { Tensor } from '../../src/graph/index.ts';
import { openEngine } from '../../src/runs/open-engine.ts';
import { type Peer, startPeer } from '../peers/peer.ts';
import type { EngineName, EnginesOptions } from './options.ts';
import { engineJobs, type Job, PGD, type Phase, SGD, type Subject } from './phases.ts';

/** A network to be timed. */
export interface Entry extends Subject {
  readonly model: string;
  /** Holds it for PyTorch. */
  readonly file: string;
  /** PyTorch makes it and writes the file, rather than reading it. */
  readonly exported: boolean;
  readonly phases: readonly Phase[];
  readonly batch: { readonly x: Tensor; readonly y: Tensor };
}

/** One variant's jobs for one network. */
export interface Entrant {
  readonly engine: string;
  readonly jobs: ReadonlyMap<Phase, Job>;
  close(): Promise<void>;
}

export interface Contestant {
  readonly name: EngineName;
  readonly device: 'cpu' | 'cuda';
  readonly threads: number;
  readonly versions: Readonly<Record<string, string>>;
  /** Its variants, each of which may fail by itself. */
  variants(model: string): readonly string[];
  prepare(entry: Entry, variant: string): Promise<Entrant>;
  /** Writes a network of its own as ONNX. */
  exportTo?(model: string, file: string): Promise<void>;
  close(): Promise<void>;
}

/** @throws E_ENGINE where it is not set up */
export async function openContestant(name: EngineName, options: EnginesOptions): Promise<Contestant> {
  const { device, threads } = options;
  if (name === 'pytorch') return openPytorch(options);
  return engineContestant(
    await openEngine({ engine: name, device, ...(threads === undefined ? {} : { threads }) }),
  );
}

function engineContestant(engine: Engine): Contestant {
  const { name, device, threads, versions } = engine;
  return {
    name,
    device,
    threads,
    versions,
    variants: () => [name],
    async prepare({ phases, batch, ...subject }) {
      return { engine: name, ...(await engineJobs(engine, subject, phases, batch)) };
    },
    close: () => engine.close(),
  };
}

/** What PyTorch is asked to do with its network, by label. On a GPU cuDNN takes the layout it likes. */
const LAYOUTS = { 'PyTorch, NCHW': {}, 'PyTorch, channels-last': { channelsLast: true } } as const;
const FUSED = {
  'PyTorch, NCHW, BatchNorm fused': { fuse: true },
  'PyTorch, channels-last, BatchNorm fused': { fuse: true, channelsLast: true },
} as const;
/** Grey images have one layout, and a transformer's are patches. */
const ONE_LAYOUT: readonly string[] = ['mnist-cnn', 'vit'];

type Variants = Readonly<Record<string, { readonly fuse?: boolean; readonly channelsLast?: boolean }>>;

function pytorchVariants(model: string, device: 'cpu' | 'cuda'): Variants {
  if (device === 'cuda') return { PyTorch: {} };
  if (ONE_LAYOUT.includes(model)) return { 'PyTorch, NCHW': {} };
  return model === 'resnet18' ? { ...LAYOUTS, ...FUSED } : LAYOUTS;
}

/** What a variant is timed in: a folded normalisation cannot be trained, and on a CPU nothing is ever apart. */
function pytorchPhases(phases: readonly Phase[], device: 'cpu' | 'cuda', fuse: boolean): Phase[] {
  const frozen: readonly Phase[] = ['forward', 'gradient'];
  return phases.filter((p) => (device === 'cuda' || p !== 'pgd-10-apart') && (!fuse || frozen.includes(p)));
}

async function openPytorch({ device: wanted, threads: given }: EnginesOptions): Promise<Contestant> {
  const { availableParallelism } = await import('node:os');
  const threads = given ?? availableParallelism();
  const peer = startPeer(threads);
  const { device, torch, error } = await peer.ask({ do: 'hello', device: wanted });
  if (error) {
    peer.close();
    throw new TouchstoneError('E_ENGINE', `PyTorch: ${error}`, undefined, 'set PYTHON, or use --device cpu');
  }
  const on = device === 'cuda' ? 'cuda' : 'cpu';
  return {
    name: 'pytorch',
    device: on,
    threads,
    versions: { torch: String(torch) },
    variants: (model) => Object.keys(pytorchVariants(model, on)),
    async prepare(entry, variant) {
      const options = pytorchVariants(entry.model, on)[variant]!;
      const { model, file, exported } = entry;
      const network = exported
        ? { do: 'export', net: model, out: file }
        : { do: 'load', architecture: model, weights: file };
      await answered(peer, { ...network, ...options, as: variant });
      const [batch, ...shape] = entry.batch.x.shape;
      const request = { use: variant, batch, shape, ...PGD, ...SGD };
      const phases = pytorchPhases(entry.phases, on, options.fuse === true);
      return {
        engine: variant,
        jobs: new Map(phases.map((phase) => [phase, peerJob(peer, { do: phase, ...request })])),
        close: async () => void (await answered(peer, { do: 'forget', use: variant })),
      };
    },
    async exportTo(model, file) {
      await answered(peer, { do: 'export', net: model, out: file, as: model });
      await answered(peer, { do: 'forget', use: model });
    },
    close: async () => peer.close(),
  };
}

const peerJob =
  (peer: Peer, request: Record<string, unknown>): Job =>
  async () => {
    const { seconds, forward, backward } = await answered(peer, request);
    return { milliseconds: 1000 * seconds, forward: Number(forward), backward: Number(backward) };
  };

async function answered(peer: Peer, request: Record<string, unknown>) {
  const answer = await peer.ask(request);
  if (answer.error) throw new Error(String(answer.error));
  return answer;
}
