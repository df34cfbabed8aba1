// Makes dist/cjs of dist: the same modules as CommonJS, for tools that cannot load ES modules with require(), as Jest.
// Node itself never loads them: its condition `module-sync` stands before `require`, so that there is one copy.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import ts from 'typescript';

const from = 'dist';
const to = join(from, 'cjs');
const compilerOptions = {
  module: ts.ModuleKind.CommonJS,
  target: ts.ScriptTarget.ES2023,
  esModuleInterop: true,
};
const here = "require('node:url').pathToFileURL(__filename).href";

for (const fileName of readdirSync(from, { recursive: true })) {
  if (!/\.(js|d\.ts)$/.test(fileName)) continue;
  const source = readFileSync(join(from, fileName), 'utf8');
  const path = join(to, fileName);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, fileName.endsWith('.js') ? commonJs(fileName, source) : source);
}
writeFileSync(join(to, 'package.json'), '{ "type": "commonjs" }\n');

function commonJs(fileName, source) {
  const options = { fileName, compilerOptions };
  const { outputText } = ts.transpileModule(source.replaceAll('import.meta.url', here), options);
  return outputText.replace(/\n\/\/# sourceMappingURL=.*\n?$/, '\n');
}
