/** A set-up that was possible and failed on the way: the command ends with 1, not with the 2 of a wrong request. */
export class SetupFailure extends Error {
  readonly what: string;
  readonly remedy: string;

  constructor(what: string, remedy: string, options?: ErrorOptions) {
    super(`${what}: ${remedy}`.replace(/\s*\n\s*/g, ' '), options);
    this.name = 'SetupFailure';
    this.what = what;
    this.remedy = remedy;
  }
}

/** Where a set-up says how far it is; a command line's progress fits. */
export interface Reporter {
  line(text: string): void;
  update(label: string, fraction: number, detail?: string): void;
  end(): void;
}
