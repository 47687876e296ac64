import { z } from 'zod';
import { TouchstoneError } from '../errors.ts';

/**
 * Checks a value against a schema.
 *
 * @param what the value is, in words
 * @throws TouchstoneError `E_DATA`, naming the first three fields that are wrong.
 */
export function parseAs<T>(schema: z.ZodType<T>, value: unknown, what: string, version: string): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues.slice(0, 3).map((i) => `${i.path.join('.') || what}: ${i.message}`);
  throw new TouchstoneError('E_DATA', `not a valid ${what} (${issues.join('; ')})`, version);
}

/** A JSON Schema as the text of its published file. */
export function jsonSchemaText(schema: z.ZodType, id: string, title: string): string {
  // io 'input': a reader of a version must accept fields that a later minor version adds.
  const { $schema, ...rest } = z.toJSONSchema(schema, { target: 'draft-2020-12', io: 'input' });
  return `${JSON.stringify({ $schema, $id: id, title, ...rest }, null, 2)}\n`;
}
