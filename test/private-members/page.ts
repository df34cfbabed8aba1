import { readFileSync } from 'node:fs';
import { format, resolveConfig } from 'prettier';
import { manifest } from '../support/manifest.js';
import type { PrivateUse } from '../support/private-uses.js';
import { root } from '../support/repository.js';
import { ledger } from './ledger.js';
import type { Ledger, PrivateMember } from './private-member.js';

/** Where the table stands for readers. */
export const PAGE = `${root}docs/reference/private-members.md`;

/** The versions of each package with which its private members have been checked. */
export const versions = JSON.parse(
  readFileSync(`${root}test/private-members/versions.json`, 'utf8'),
) as Record<string, string[]>;

const INTRODUCTION = `# Private members

What this library relies on although the package that has it does not promise it: members that types hide, modules
inside of a package, and behaviour that is documented nowhere. Each is checked on real objects by
\`test/private-members/\`, on the versions that are locked, on the oldest that \`package.json\` admits, and on the newest
that there are, with NestJS 11 and 12. This page is made of the same table: edit that, and run
\`npx vitest run --config .config/vitest.config.ts test/package/private-members.spec.ts -u\`.
`;

/** The table as a page, with the files that a member is used in. */
export async function page(uses: readonly PrivateUse[]): Promise<string> {
  const text = [INTRODUCTION, ...ledger.map((each) => section(each, uses))].join('\n');
  return format(text, { ...(await resolveConfig(PAGE)), parser: 'markdown' });
}

/** The files that use a member. */
export function filesOf(
  { member, also = [], usedBy = [] }: PrivateMember,
  uses: readonly PrivateUse[],
): string[] {
  const names = [member, ...also];
  const found = uses.filter((use) => names.includes(use.member)).map(({ file }) => file);
  return [...new Set([...found, ...usedBy])].toSorted();
}

/** What package.json admits of a package. */
export const rangeOf = (library: string): string | undefined =>
  manifest.dependencies[library] ?? manifest.peerDependencies[library];

function section({ library, members }: Ledger, uses: readonly PrivateUse[]): string {
  const range = rangeOf(library);
  const admitted = range === undefined ? '' : `; \`package.json\` admits \`${range}\``;
  const checked = versions[library]
    ? `Checked with ${versions[library].join(', ')}${admitted}.`
    : 'Checked with each version of Node that is supported.';
  const rows = members.map(
    (each) => `| ${[name(each), each.serves, each.instead, files(each, uses)].map(cell).join(' | ')} |`,
  );
  return [
    `## ${library}`,
    '',
    checked,
    '',
    '| Member | Serves | Public way | Used by |',
    '| - | - | - | - |',
    ...rows,
    '',
  ].join('\n');
}

const cell = (text: string) => text.replaceAll('|', String.raw`\|`);

function name({ member, kind, also = [] }: PrivateMember): string {
  return [`\`${member}\` (${kind})`, ...also.map((each) => `\`${each}\``)].join(', ');
}

function files(member: PrivateMember, uses: readonly PrivateUse[]): string {
  return filesOf(member, uses)
    .map((file) => `\`${file}\``)
    .join(', ');
}
