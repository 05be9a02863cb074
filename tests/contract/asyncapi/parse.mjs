// SPDX-License-Identifier: Apache-2.0
// Reads the AsyncAPI document given as argument with the reference parser; any finding above a hint fails.
import { readFile } from 'node:fs/promises';
import { Parser } from '@asyncapi/parser';

const WARNING = 1;
const [path] = process.argv.slice(2);
const { document, diagnostics } = await new Parser().parse(await readFile(path, 'utf8'), { source: path });
const findings = diagnostics.filter(({ severity }) => severity <= WARNING);
for (const { code, message, path: place } of findings) {
  console.error(`${path}: ${place.join('.')}: ${message} (${code})`);
}
if (document === undefined || findings.length > 0) process.exit(1);
console.log(`${path}: AsyncAPI ${document.version()}, ${document.channels().all().length} channels`);
