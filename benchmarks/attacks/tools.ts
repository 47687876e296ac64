/** Who attacks: ours, on onnxruntime, and others in a Python process, on the same file in PyTorch. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Engine, spent } from '../../src/engine/index.ts';
import { TouchstoneError } from '../../src/errors.ts';
import { attacks, engineClassifier, type Images, type Threat } from '../../src/eval/index.ts';
import { int64 } from '../../src/graph/index.ts';
import { encodeNpz, writeFileAtomic } from '../../src/io/index.ts';
import { key } from '../../src/random/index.ts';
import type { OpenModel } from '../../src/runs/open-model.ts';
import { type Peer, startPeer } from '../peers/peer.ts';
import { type Bout, parametersOf, type ToolName } from './bouts.ts';

/** Images at a time. */
export const BATCH = 256;

/** What all attack: a model, and images that it classifies correctly. */
export interface Subject {
  readonly path: string;
  readonly opened: OpenModel;
  readonly x: Images;
  readonly y: Int32Array;
}

/** What an attack came to. */
export interface Found {
  readonly seconds: number;
  /** Images passed. */
  readonly forwards: number;
  readonly backwards: number;
  /** Shaped as the images attacked. */
  readonly adversarial: Float32Array;
}

export interface Tool {
  readonly name: ToolName;
  readonly version: string;
  /** @throws what the tool throws, as one line */
  attack(bout: Bout, threat: Threat, seed: number): Promise<Found>;
}

export function touchstone(engine: Engine, { opened, x, y }: Subject, version: string): Tool {
  const { graph, card } = opened.subject;
  const { fixedBatch } = opened;
  const classifier = engineClassifier(engine, graph, {
    classes: card.classes,
    batchSize: BATCH,
    ...(fixedBatch !== undefined && { fixedBatch }),
  });
  return {
    name: 'touchstone',
    version,
    async attack(bout, threat, seed) {
      const before = engine.counts();
      const start = performance.now();
      const { adversarial } = await attacks[bout.attack].run({
        ...{ classifier, x, y, threat, key: key(seed) },
        parameters: parametersOf(bout, threat),
      });
      const seconds = (performance.now() - start) / 1000;
      const { forwardImages, backwardImages } = spent(before, engine.counts());
      return { seconds, forwards: forwardImages, backwards: backwardImages, adversarial };
    },
  };
}

/** The others that are there, and why the rest is not. */
export interface Peers {
  readonly tools: readonly Tool[];
  readonly absent: readonly { readonly tool: ToolName; readonly why: string }[];
  readonly versions: Readonly<Record<string, string>>;
  close(): void;
}

/**
 * @param names without ours
 * @param folder to exchange images in
 */
export async function openPeers(
  names: readonly ToolName[],
  subject: Subject,
  { folder, threads }: { readonly folder: string; readonly threads: number },
): Promise<Peers> {
  const none = (why: string): Peers => ({
    tools: [],
    absent: names.map((tool) => ({ tool, why })),
    versions: {},
    close: () => {},
  });
  if (names.length === 0) return none('');
  let peer: Peer | undefined;
  try {
    peer = startPeer(threads);
    const data = join(folder, 'images.npz');
    const { x, y } = subject;
    const labels = int64(Array.from(y));
    await writeFileAtomic(data, encodeNpz({ x: { dtype: 'float32', ...x }, y: labels }));
    const opened = await answered(peer, { do: 'attack-open', weights: subject.path, data, batch: BATCH });
    const found = await present(peer, names, folder);
    return { ...found, versions: { torch: String(opened.torch) }, close: () => peer?.close() };
  } catch (error) {
    peer?.close();
    return none(lineOf(error));
  }
}

async function present(peer: Peer, names: readonly ToolName[], folder: string) {
  const tools: Tool[] = [];
  const absent: { tool: ToolName; why: string }[] = [];
  for (const name of names) {
    const { version, absent: why, error } = await peer.ask({ do: 'attack-tool', tool: name });
    if (version === undefined) absent.push({ tool: name, why: `${String(why ?? error)}${remedy(name)}` });
    else tools.push(peerTool(peer, name, String(version), folder));
  }
  return { tools, absent };
}

const remedy = (name: ToolName): string =>
  name === 'autoattack'
    ? '; put a checkout of fra31/auto-attack on PYTHONPATH'
    : '; pip install --no-deps -r test/python/requirements-peers.txt';

function peerTool(peer: Peer, name: ToolName, version: string, folder: string): Tool {
  const out = join(folder, 'found.f32');
  return {
    name,
    version,
    async attack(bout, threat, seed) {
      const { steps, stepSize, queries } = parametersOf(bout, threat);
      const settings = {
        ...{ kind: bout.attack, norm: threat.norm, eps: threat.epsilon, seed },
        ...(steps !== undefined && { steps }),
        ...(stepSize !== undefined && { alpha: stepSize }),
        ...(queries !== undefined && { queries }),
      };
      const answer = await answered(peer, { do: 'attack', tool: name, ...settings, out });
      const bytes = readFileSync(out);
      return {
        seconds: answer.seconds,
        forwards: Number(answer.forwards),
        backwards: Number(answer.backwards),
        adversarial: new Float32Array(new Uint8Array(bytes).buffer),
      };
    },
  };
}

async function answered(peer: Peer, request: Record<string, unknown>) {
  const answer = await peer.ask(request);
  if (answer.error) throw new TouchstoneError('E_ENGINE', String(answer.error));
  return answer;
}

export const lineOf = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error))
    .replace(/^E_ENGINE: /, '')
    .split('\n')[0]!
    .slice(0, 300);
