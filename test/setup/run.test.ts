import { performance } from 'node:perf_hooks';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { lastLine, run } from '../../src/setup/run.ts';
import { execute } from '../cli/harness.ts';

const node = (script: string, options = {}) => run(process.execPath, ['-e', script], options);
const source = fileURLToPath(new URL('../../src/setup/run.ts', import.meta.url));

describe('a program', () => {
  it('gives its exit status and both streams, and each of its lines as it comes', async () => {
    const lines: string[] = [];
    const ended = await node(
      'console.log("a\\nb"); console.error("c"); process.stdout.write("d"); process.exitCode = 3',
      {
        onLine: (line: string) => lines.push(line),
      },
    );
    expect(ended).toEqual({ code: 3, stdout: 'a\nb\nd', stderr: 'c\n' });
    expect(lines.sort()).toEqual(['a', 'b', 'c', 'd']);
  });

  it('gets variables over those of this process', async () => {
    const { stdout } = await node('console.log(process.env.OWN, process.env.PATH)', { env: { OWN: 'x' } });
    expect(stdout.trim()).toBe(`x ${process.env.PATH}`);
  });

  it('that does not exist has no exit status, and does not keep the process waiting for its time limit', async () => {
    const { code, stderr } = await run('/no/such/program', [], { timeout: 30_000 });
    expect([code, stderr]).toEqual([null, 'spawn /no/such/program ENOENT']);
    const script = `import { run } from ${JSON.stringify(pathToFileURL(source).href)};
      console.log((await run('/no/such/program', [], { timeout: 30_000 })).code);`;
    const started = performance.now();
    const child = await execute(
      process.execPath,
      ['--import', 'tsx', '--input-type=module', '-e', script],
      fileURLToPath(new URL('../..', import.meta.url)),
    );
    expect(child.stdout.trim()).toBe('null');
    expect(performance.now() - started).toBeLessThan(20_000);
  });

  it('is ended at its time limit, and says so', async () => {
    const { code, stderr } = await node('setInterval(() => {}, 1000)', { timeout: 300 });
    expect(code).toBeNull();
    expect(lastLine(stderr)).toBe('no answer in 0.3 s');
  });

  it('is ended when it is aborted', async () => {
    const stop = new AbortController();
    const running = node('console.log("up"); setInterval(() => {}, 1000)', {
      signal: stop.signal,
      onLine: () => stop.abort(),
    });
    expect(await running).toEqual({ code: null, stdout: 'up\n', stderr: '\nended by SIGTERM' });
  });
});

it('lastLine is the last that says something', () => {
  expect(lastLine('a\n  b \n\n \n')).toBe('b');
  expect(lastLine('\n')).toBe('');
});
