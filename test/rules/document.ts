/** `docs/rules.md`: what each rule promises, the test that pins it, and the change that turns this test red. */
import type { Proof } from './proof.ts';
import { CHAPTERS, NOT_BUILT, type Rule } from './rules.ts';

const HEAD = `# Each rule, its test, and the change that turns it red

[semantics.md](semantics.md) says what Lakefold promises about values. This page says how one knows: for each rule the tests that pin it, and for each
test a change of one line of code that breaks the promise. \`npm run rules\` makes each change, in memory, and sees that very test fail;
\`npm test\` does so for ten of them, others for every commit.

<!-- generated: UPDATE_DOCS=1 npx vitest run --project pure test/rules/rules.test.ts -->
`;

export function rulesPage(proofs: readonly Proof[]): string {
  const chapters = CHAPTERS.map(
    ({ title, rules }) => `\n## ${title}\n| rule | promise | test | change |\n|---|---|---|---|\n${rules.map((rule) => rows(rule, proofs)).join('')}`,
  );
  return HEAD + chapters.join('');
}

function rows({ id, title }: Rule, proofs: readonly Proof[]): string {
  const proven = proofs.filter((proof) => proof.rule === id).map((proof) => [escaped(proof.promise), testCell(proof.test), changeCell(proof.change)]);
  const open = (NOT_BUILT[id] ?? []).map((promise) => [escaped(promise), 'not built', '']);
  return [...proven, ...open].map((cells, i) => `| ${[i === 0 ? `**${id}** ${title}` : id, ...cells].join(' | ')} |\n`).join('');
}

function testCell({ file, name, onEmulators }: Proof['test']): string {
  const also = onEmulators === undefined ? '' : `; ${link('on S3 and DynamoDB', onEmulators)}`;
  return link(escaped(name), file) + also;
}

function changeCell({ file, find, replace }: Proof['change']): string {
  return `${link(file, file)}: ${code(find)} → ${replace.trim() === '' ? 'nothing' : code(replace)}`;
}

function link(text: string, path: string): string {
  return `[${text}](../${path})`;
}

function code(text: string): string {
  return `<code>${escaped(text.trim().replaceAll(/\s+/g, ' '))}</code>`;
}

/** Nothing in a cell is markup. */
function escaped(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll(/[|`*_[\]\\]/g, (character) => `&#${character.charCodeAt(0)};`);
}
