/** Training: methods that read like their papers, schedules, and the loop around them. Nothing of Node. */
import { delayed } from './dat.ts';
import { deat, mDeat } from './deat.ts';
import { efgsm, efgsmReconstructor, efgsmTrades } from './efgsm.ts';
import { fast } from './fast.ts';
import { free } from './free.ts';
import { friendly } from './friendly.ts';
import { gaat } from './gaat.ts';
import { magnitude } from './magnitude.ts';
import { mart, martAdversary } from './mart.ts';
import type { Method } from './method.ts';
import { natural } from './natural.ts';
import { pgd, pgdAdversary } from './pgd.ts';
import { trades, tradesAdversary } from './trades.ts';

export type { Adversary } from './adversary.ts';
export { createLearner, type EngineLearner, type LearnerOptions } from './learner.ts';
export {
  learnerOf,
  openTrainer,
  type Sample,
  type Samples,
  type TrainEnd,
  type TrainEvent,
  type TrainOptions,
  type TrainSettings,
  train,
} from './loop.ts';
export { MEASURES, type Measure, type StepRecord } from './measures.ts';
export type * from './method.ts';
export { noState } from './method.ts';
export * from './objectives/index.ts';
export {
  COMMON,
  checkedOption,
  commonDefaults,
  type MethodOptions,
  methodOptions,
  type OptionName,
} from './options.ts';
export { isRecipe, type Recipe, type RecipeName, type RecipeSettings, recipes } from './recipes.ts';
export type { Best, Cursor, EpochRecord, Progress, Snapshot, Sums } from './records.ts';
export { isSchedule, type Schedule, type ScheduleName, type ScheduleOptions, schedules } from './schedule.ts';
export { isStopRule, type StopRule, type StopRuleName, stopRules } from './stop/index.ts';

/** All methods by the name that `--method` takes. */
export const methods = {
  natural,
  pgd,
  gaat,
  free,
  fast,
  deat,
  'm-deat': mDeat,
  dat: delayed(pgd, 'dat'),
  'dat+gaat': delayed(gaat, 'dat+gaat'),
  trades,
  mart,
  'm-pgd': magnitude(pgd, pgdAdversary),
  'm-trades': magnitude(trades, tradesAdversary),
  'm-mart': magnitude(mart, martAdversary),
  fat: friendly(pgd, pgdAdversary),
  'f-trades': friendly(trades, tradesAdversary),
  'f-mart': friendly(mart, martAdversary),
  efgsm,
  'efgsm+reconstructor': efgsmReconstructor,
  'efgsm+trades': efgsmTrades,
} as const satisfies Record<string, Method>;

export type MethodName = keyof typeof methods;

export const isMethod = (name: string): name is MethodName => Object.hasOwn(methods, name);
