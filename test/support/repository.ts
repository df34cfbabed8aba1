import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The folder of the repository, with a slash at its end. */
export const root = fileURLToPath(new URL('../..', import.meta.url));

const generated = /(^|\/)(node_modules|dist|\.dist|coverage|\.git)(\/|$)|\.(tgz|log)$/;

/** The files of the repository, those not committed yet too; without git (an archive), whatever lies there. */
export function repositoryFiles(): string[] {
  const git = spawnSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: root,
    encoding: 'utf8',
  });
  const files = git.status === 0 ? git.stdout.split('\0').slice(0, -1) : filesBelow('');
  return [...new Set(files)].filter((path) => existsSync(root + path));
}

function filesBelow(folder: string): string[] {
  return readdirSync(root + folder)
    .map((name) => folder + name)
    .filter((path) => !generated.test(path))
    .flatMap((path) => (statSync(root + path).isDirectory() ? filesBelow(`${path}/`) : [path]));
}
