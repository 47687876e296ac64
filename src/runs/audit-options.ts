import type { AttackParameters, Threat } from '../eval/index.ts';
import type { AttackRunOptions } from './attack-run.ts';

/**
 * `out` gets result.json, report.html and adversarial.npz. It must be new or empty, hold just the model, or this audit under way.
 * Clean accuracy is taken over all images, whatever the limit.
 */
export interface AuditRunOptions extends AttackRunOptions {
  readonly model: string;
  /** What the result calls the model. @default its path */
  readonly modelName?: string;
  readonly threat: Threat;
  /** Names of attacks, or one of `autoattack`, `autoattack-plus`, `autoattack-rand`, `auto`. @default the cheap ones that know the norm */
  readonly attacks?: readonly string[];
  /** Forward and backward passes that each gradient is averaged over. @default 1, or as the ensemble has it */
  readonly eot?: number;
  readonly parameters?: AttackParameters;
  /** Which output of the model to read. @default the first that is a score per class */
  readonly output?: string;
  /** Images that are attacked together; part of what the result depends on. @default 512, under a budget 64 */
  readonly chunk?: number;
  /** Seconds: images that are not attacked by then are left out of the result. @default as long as it takes */
  readonly budget?: number;
  /** What a person should know, a line each. */
  readonly onNotice?: (line: string) => void;
}
