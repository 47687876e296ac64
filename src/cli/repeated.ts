import { TouchstoneError } from '../errors.ts';

/** The values of an option that may be given several times, in order: citty keeps the last alone. */
export function repeated(rawArgs: readonly string[], option: string): string[] {
  const values: string[] = [];
  for (const [i, word] of rawArgs.entries()) {
    if (word === `--${option}`) values.push(rawArgs[i + 1] ?? '');
    else if (word.startsWith(`--${option}=`)) values.push(word.slice(option.length + 3));
  }
  return values;
}

/** `NAME=SPEC`, several times, as a map: `--data cifar10=cifar10:/data/cifar`. @throws E_OPTION where a part is missing */
export function parsePairs(values: readonly string[], option: string): Map<string, string> {
  return new Map(
    values.map((value) => {
      const [, name, spec] = /^([^=]+)=(.+)$/s.exec(value) ?? [];
      if (name === undefined || spec === undefined)
        throw new TouchstoneError('E_OPTION', `--${option} ${value}`, 'NAME=SPEC');
      return [name, spec];
    }),
  );
}
