/** `table verify`. */
import type { JsonObject } from '../../lib/core/json.ts';
import { verifyTable } from '../../lib/delta/verify/verify.ts';
import type { Command } from '../command.ts';
import { tablePlace } from '../local-table.ts';
import { EXIT } from '../problem-output.ts';
import { answerText } from '../render.ts';

export const tableVerify: Command = {
  name: 'table verify',
  usage: 'PATH',
  positionals: [1, 1],
  summary: 'Reads the whole table and says what is wrong with it; exit code 4 when something is.',
  options: {},
  example: 'lakefold table verify ./flights',
  run: async (context) => {
    // Not opened: a table may be too damaged for that.
    const { deps } = await tablePlace(context, 'open');
    const { version, findings, findingCount } = await verifyTable(deps, '');
    const body: JsonObject = {
      ok: findingCount === 0,
      version,
      watermark: null,
      keysCompared: null,
      findings: findings.map((finding) => ({ ...finding })),
      findingCount,
    };
    await context.output.value(body, (paint) => answerText(body, paint));
    return findingCount === 0 ? EXIT.ok : EXIT.differs;
  },
};
