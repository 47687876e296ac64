import { type ArgsDef, type CommandDef, renderUsage, runCommand } from 'citty';
import pc from 'picocolors';
import { TouchstoneError } from '../errors.ts';
import { commands } from './commands/index.ts';

/** Ends with 0, with 1 where the run failed or a stated bar was missed, with 2 where the request was wrong. */
async function main(argv: readonly string[]): Promise<number> {
  const [name, ...rest] = argv;
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    process.stdout.write(await overview());
    return name === undefined ? 2 : 0;
  }
  if (name === '--version' || name === '-v') {
    const { packageVersion, tool } = await import('../io/index.ts');
    process.stdout.write(
      `touchstone ${tool().version}, onnxruntime-node ${packageVersion('onnxruntime-node')}\n`,
    );
    return 0;
  }
  const entry = Object.entries(commands).find(([known]) => known === name)?.[1];
  if (!entry)
    throw new TouchstoneError('E_OPTION', `unknown command "${name}"`, Object.keys(commands).join(', '));
  const command = await entry.load();
  if (rest.includes('--help') || rest.includes('-h')) {
    process.stdout.write(`${await renderUsage(command, { meta: { name: 'touchstone' } })}\n`);
    return 0;
  }
  const { positionals } = assertKnown(command, rest);
  const named = Object.values(argsOf(command)).filter((a) => a.type === 'positional');
  const wanted = named.length;
  const anyNumber = named.some((a) => a.valueHint?.endsWith('…'));
  if (positionals > wanted && !anyNumber)
    throw new TouchstoneError(
      'E_OPTION',
      `${positionals} arguments to ${name}`,
      `${wanted}`,
      `see touchstone ${name} --help`,
    );
  const { result } = await runCommand(command, { rawArgs: [...rest] });
  return typeof result === 'number' ? result : 0;
}

const argsOf = (command: CommandDef): ArgsDef => (command.args ?? {}) as ArgsDef;

/** Refuses options that the command does not have: a misspelt one must not be passed over. */
function assertKnown(command: CommandDef, rest: readonly string[]): { positionals: number } {
  const args = argsOf(command);
  const known = Object.keys(args).filter((a) => args[a]!.type !== 'positional');
  let positionals = 0;
  for (let i = 0; i < rest.length; i++) {
    const word = rest[i]!;
    if (!word.startsWith('-') || word === '-' || /^-[\d.]/.test(word)) {
      positionals += 1;
      continue;
    }
    const [flag, value] = word.replace(/^--?/, '').split(/=(.*)/s) as [string, string | undefined];
    if (!known.includes(flag))
      throw new TouchstoneError('E_OPTION', `unknown option ${word}`, known.map((k) => `--${k}`).join(' '));
    if (args[flag]!.type === 'boolean') continue;
    if (value === undefined && (i + 1 >= rest.length || /^--[a-z]/.test(rest[i + 1]!)))
      throw new TouchstoneError('E_OPTION', `${word} without a value`, 'one after it');
    if (value === undefined) i += 1;
  }
  return { positionals };
}

async function overview(): Promise<string> {
  const { tool } = await import('../io/index.ts'); // not at the top: a misspelt command need not wait for it
  const width = Math.max(...Object.keys(commands).map((c) => c.length));
  const lines = Object.entries(commands).map(
    ([name, { about }]) => `  ${pc.bold(name.padEnd(width))}  ${about}`,
  );
  return `touchstone ${tool().version}: train, export and attack image classifiers as ONNX\n\n${lines.join('\n')}\n\ntouchstone <command> --help lists a command's options.\n`;
}

/** One line, whatever went wrong; the stack only where asked for. */
function report(error: unknown): number {
  const known = error instanceof TouchstoneError;
  if (error instanceof Error && error.name === 'AbortError') {
    process.stderr.write('stopped\n');
    return 130;
  }
  const text = error instanceof Error ? error.message : String(error);
  const missing = /^Missing required (?:positional )?argument: (.*)/i.exec(text);
  const line = missing
    ? `E_OPTION: no ${missing[1]} given, expected one: see --help`
    : text.replace(/\s*\n\s*/g, ' ');
  process.stderr.write(`${pc.red('error')} ${line}\n`);
  if (process.env.TOUCHSTONE_DEBUG && error instanceof Error) process.stderr.write(`${error.stack}\n`);
  return missing || known ? 2 : 1;
}

process.exitCode = await main(process.argv.slice(2)).catch(report);
