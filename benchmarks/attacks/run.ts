/** Attacks of several tools on one model, in turn; what they find is judged by our verifier. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { Progress } from '../../src/cli/progress.ts';
import { type DataSet, firstImages, loadData } from '../../src/data/index.ts';
import type { Engine } from '../../src/engine/index.ts';
import { onnxruntimeEngine } from '../../src/engine/onnxruntime/index.ts';
import { TouchstoneError } from '../../src/errors.ts';
import { gather, gatherLabels, imageSize, predictAll, verify } from '../../src/eval/index.ts';
import { machine, tool } from '../../src/io/index.ts';
import { type OpenModel, openModel } from '../../src/runs/open-model.ts';
import { REST } from '../measure.ts';
import { RULE } from '../ratio.ts';
import {
  BOUTS,
  type Bout,
  type BoutName,
  CURVES,
  type CurveName,
  STEPS,
  type ToolName,
  threatOf,
} from './bouts.ts';
import type { AttacksOptions } from './options.ts';
import { type AttacksRecord, type Point, type Row, type Run, rowOf } from './record.ts';
import { type Job, Timing } from './timing.ts';
import { BATCH, lineOf, openPeers, type Peers, type Subject, type Tool, touchstone } from './tools.ts';

export interface Controls {
  readonly progress: Progress;
  /** Ends the benchmark after the attack under way. */
  readonly signal: AbortSignal;
  /** After every round, with all that is known by then. */
  readonly onRecord?: (record: AttacksRecord) => Promise<void>;
}

/**
 * @returns the record; a tool that is not there has rows that say why, as has an attack that fails
 * @throws as loading the model and the data does
 */
export async function benchAttacks(options: AttacksOptions, controls: Controls): Promise<AttacksRecord> {
  const engine = onnxruntimeEngine({
    device: 'cpu',
    ...(options.threads !== undefined && { threads: options.threads }),
  });
  const folder = mkdtempSync(join(tmpdir(), 'touchstone-bench-'));
  let opened: OpenModel | undefined;
  let peers: Peers | undefined;
  try {
    const data = await loadData(options.data, 'test');
    opened = await openModel(options.model, { threads: engine.threads, image: data.shape });
    const n = Math.min(options.limit, data.n);
    const subject = await subjectOf(options, opened, data, n);
    const others = options.tools.filter((name) => name !== 'touchstone');
    peers = await openPeers(others, subject, { folder, threads: engine.threads });
    const bench = new AttacksBench({ options, controls, engine, data, n, subject, peers });
    await bench.work();
    return bench.record(controls.signal.aborted ? 'interrupted' : 'whole');
  } finally {
    controls.progress.end();
    peers?.close();
    await opened?.close();
    await engine.close();
    rmSync(folder, { recursive: true });
  }
}

/** The first n images that the model classifies correctly. @throws E_DATA where there is none */
async function subjectOf(
  { model: path }: AttacksOptions,
  opened: OpenModel,
  data: DataSet,
  n: number,
): Promise<Subject> {
  const first = firstImages(data, n);
  const batch = opened.fixedBatch ?? BATCH;
  const predicted = await predictAll(opened.oracle, first.x, first.shape, batch);
  const correct = Array.from(first.y.keys()).filter((i) => predicted[i] === first.y[i]);
  if (correct.length === 0)
    throw new TouchstoneError('E_DATA', `none of ${n} images is classified correctly`, 'some to attack');
  const x = gather({ data: first.x, shape: first.shape }, correct);
  return { path, opened, x, y: gatherLabels(first.y, correct) };
}

interface Site {
  readonly options: AttacksOptions;
  readonly controls: Controls;
  readonly engine: Engine;
  readonly data: DataSet;
  /** Images, the misclassified ones included. */
  readonly n: number;
  readonly subject: Subject;
  readonly peers: Peers;
}

/** Jobs after which there is something to tell: a warm-up, a curve, a round. */
type Part = readonly Job[];

class AttacksBench {
  readonly #site: Site;
  readonly #tools: readonly Tool[];
  readonly #date = new Date().toISOString();
  /** By attack and tool, of the rounds so far. */
  readonly #runs = new Map<string, Run[]>();
  readonly #failed = new Map<string, string>();
  readonly #curve: Point[] = [];

  constructor(site: Site) {
    this.#site = site;
    const ours = touchstone(site.engine, site.subject, tool().version);
    this.#tools = [...(site.options.tools.includes('touchstone') ? [ours] : []), ...site.peers.tools];
  }

  async work(): Promise<void> {
    const { options, controls, peers } = this.#site;
    for (const { tool: name, why } of peers.absent) controls.progress.line(`${name} is left out: ${why}`);
    const rounds = Array.from({ length: options.rounds }, (_, i) => this.#round(i));
    const parts: Part[] = [this.#warmUp(), this.#curveJobs(), ...rounds];
    const timing = new Timing(parts.flat());
    for (const part of parts) {
      for (const job of part) {
        if (controls.signal.aborted) return;
        controls.progress.update('attacks', timing.fraction(), `${job.part}: ${job.tool.name}, ${job.name}`);
        await this.#do(job, timing);
      }
      await controls.onRecord?.(this.record('running'));
    }
  }

  /** Each once, untimed: sessions are built, and what cannot run says so. */
  #warmUp(): Part {
    return this.#jobsOf('warm-up', this.#site.options.rounds, this.#tools, () => {});
  }

  /** Who comes first in each attack takes turns. */
  #round(index: number): Part {
    const turn = index % Math.max(1, this.#tools.length);
    const tools = [...this.#tools.slice(turn), ...this.#tools.slice(0, turn)];
    return this.#jobsOf(`round ${index + 1}`, index, tools, (key, run) => {
      this.#runs.set(key, [...(this.#runs.get(key) ?? []), run]);
    });
  }

  #jobsOf(part: string, seed: number, tools: readonly Tool[], keep: (key: string, run: Run) => void): Part {
    return this.#site.options.attacks.flatMap((name) =>
      tools
        .filter((t) => has(name, t.name))
        .map((t) => {
          const key = keyOf(name, t.name);
          return { part, name, tool: t, bout: BOUTS[name], seed, key, keep: (run: Run) => keep(key, run) };
        }),
    );
  }

  #curveJobs(): Part {
    return Object.entries(CURVES).flatMap(([attack, boutOf]) =>
      STEPS.flatMap((steps) =>
        this.#tools
          .filter((t) => boutOf(steps).tools.includes(t.name))
          .map((t) => {
            const name = `${attack}-${steps}`;
            const keep = ({ standing, outside: _, ...run }: Run) => {
              const robustAccuracy = standing / this.#site.n;
              this.#curve.push({ attack: attack as CurveName, tool: t.name, steps, robustAccuracy, ...run });
            };
            return {
              part: 'curve',
              name,
              tool: t,
              bout: boutOf(steps),
              seed: 0,
              key: keyOf(name, t.name),
              keep,
            };
          }),
      ),
    );
  }

  async #do(job: Job, timing: Timing): Promise<void> {
    if (this.#failed.has(job.key)) return timing.skip(job);
    const { signal, progress } = this.#site.controls;
    try {
      await setTimeout(REST);
      const run = await this.#attack(job);
      timing.took(job, run.seconds);
      if (!signal.aborted) job.keep(run);
    } catch (error) {
      if (signal.aborted) return; // Ctrl-C has ended the Python process, too
      const why = lineOf(error);
      this.#failed.set(job.key, why);
      progress.line(`failed: ${job.tool.name}, ${job.name}: ${why}`);
    }
  }

  /** One attack, timed, and what it found, judged: in the ball, in range, and misclassified by the file under onnxruntime. */
  async #attack({ tool: { attack }, bout, seed }: Job): Promise<Run> {
    const { subject, options } = this.#site;
    const { x, y, opened } = subject;
    const threat = threatOf(bout, options.epsilon, imageSize(x));
    const { adversarial, ...cost } = await attack(bout, threat, seed);
    if (adversarial.length !== x.data.length)
      throw new Error(`${adversarial.length} pixels came back of ${x.data.length}`);
    const claim = { x: x.data, adversarial, y, shape: x.shape };
    const batchSize = opened.fixedBatch ?? BATCH;
    const { confirmed, reasons } = await verify(opened.oracle, claim, threat, { alone: false, batchSize });
    const standing = confirmed.filter((isBroken) => !isBroken).length;
    return { ...cost, standing, outside: reasons['outside the ball'] ?? 0 };
  }

  /** All that is known now. */
  record(state: AttacksRecord['state']): AttacksRecord {
    const { options, engine, data, n, subject, peers } = this.#site;
    const { x, y, opened } = subject;
    const radius = (norm: 'linf' | 'l2') => threatOf({ norm }, options.epsilon, imageSize(x)).epsilon;
    const tools = Object.fromEntries(this.#tools.map((t) => [t.name, t.version]));
    return {
      benchmark: 'attacks',
      date: this.#date,
      state,
      tool: tool(),
      machine: machine(),
      versions: { ...engine.versions, ...peers.versions, ...tools },
      threads: engine.threads,
      rounds: options.rounds,
      batch: opened.fixedBatch ?? BATCH,
      model: { path: options.model, sha256: opened.file.sha256 },
      data: { name: data.name, sha256: data.sha256, n, attacked: y.length, pixels: imageSize(x) },
      epsilon: { linf: radius('linf'), l2: radius('l2') },
      rows: options.attacks.flatMap((name) => this.#rowsOf(name)),
      curve: [...this.#curve],
      failures: [...this.#failed].map(([what, why]) => ({ what, why })),
      rule: RULE,
    };
  }

  /** Of those that were asked for, in their order. */
  #rowsOf(attack: BoutName): Row[] {
    const { options, peers, n } = this.#site;
    const ours = this.#runs.get(keyOf(attack, 'touchstone'));
    return options.tools
      .filter((name) => has(attack, name))
      .flatMap((name): Row[] => {
        const key = keyOf(attack, name);
        const why = peers.absent.find((a) => a.tool === name)?.why;
        if (why !== undefined) return [{ state: 'absent', attack, tool: name, why }];
        const failure = this.#failed.get(key);
        if (failure !== undefined) return [{ state: 'failed', attack, tool: name, why: failure }];
        const runs = this.#runs.get(key);
        return runs ? [rowOf({ attack, tool: name, runs }, ours, n)] : [];
      });
  }
}

const keyOf = (attack: string, name: ToolName): string => `${name}, ${attack}`;

const has = (attack: BoutName, name: ToolName): boolean => {
  const { tools }: Bout = BOUTS[attack];
  return tools.includes(name);
};
