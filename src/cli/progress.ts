import { stderr } from 'node:process';

/** A line that says how far a piece of work is. On a terminal it is drawn over and over, elsewhere now and then. */
export interface Progress {
  /**
   * @param fraction of the work done, 0 to 1
   * @param detail figures to show beside it
   * @param options.timeLeft whether to estimate it from the fraction. @default true
   */
  update(label: string, fraction: number, detail?: string, options?: { timeLeft?: boolean }): void;
  /** Ends the line; what is printed next starts on a new one. */
  end(): void;
  /** Prints a line that stays. */
  line(text: string): void;
}

const REDRAW_MS = 100;
const PLAIN_MS = 10_000;
const WIDTH = 24;

/** `75 s` as `1:15`. */
export function formatDuration(seconds: number): string {
  const s = Math.max(0, Math.round(seconds));
  const parts = [Math.floor(s / 3600), Math.floor((s % 3600) / 60), s % 60];
  const [, m, rest] = parts.map((n) => String(n).padStart(2, '0')) as [string, string, string];
  return parts[0]! > 0 ? `${parts[0]}:${m}:${rest}` : `${parts[1]}:${rest}`;
}

export function createProgress({
  quiet = false,
  stream = stderr,
}: {
  quiet?: boolean;
  stream?: NodeJS.WriteStream;
} = {}): Progress {
  if (quiet) return { update() {}, end() {}, line() {} };
  const terminal = stream.isTTY === true;
  let last = 0;
  let started = performance.now();
  let label = '';
  let open = false;

  const clear = () => {
    if (open && terminal) stream.write('\r\x1b[2K');
    open = false;
  };
  return {
    update(name, fraction, detail = '', { timeLeft = true } = {}) {
      const now = performance.now();
      if (name !== label) {
        label = name;
        started = now;
        last = terminal ? 0 : now; // off a terminal a short stage needs no line
      }
      if (now - last < (terminal ? REDRAW_MS : PLAIN_MS)) return;
      last = now;
      const elapsed = (now - started) / 1000;
      const left =
        timeLeft && fraction > 0.02 ? `${formatDuration((elapsed * (1 - fraction)) / fraction)} left` : '';
      const share = `${Math.floor(100 * fraction)} %`;
      const facts = [detail, left].filter(Boolean).join(' · ');
      if (terminal) {
        const done = Math.round(WIDTH * fraction);
        const bar = '█'.repeat(done) + '░'.repeat(WIDTH - done);
        const text = `${name} ${bar} ${share}  ${facts}`;
        stream.write(`\r\x1b[2K${text.slice(0, (stream.columns ?? 100) - 1)}`);
        open = true;
      } else {
        stream.write(`${name}: ${share}  ${facts}\n`);
      }
    },
    end: clear,
    line(text) {
      clear();
      stream.write(`${text}\n`);
    },
  };
}
