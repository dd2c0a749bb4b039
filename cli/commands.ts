/** Every command, in the order help lists them. */
import type { Command } from './command.ts';
import { accessCommands } from './commands/access.ts';
import { definitionCommands } from './commands/definitions.ts';
import { fgEditCommands, fvEditCommands } from './commands/definition-edits.ts';
import { discoveryCommands } from './commands/discovery.ts';
import { doctorCommand } from './commands/doctor.ts';
import { fgHistoryCommands } from './commands/fg-history.ts';
import { fgInspectCommands } from './commands/fg-inspect.ts';
import { fgMaintainCommands } from './commands/fg-maintain.ts';
import { fgQualityCommands } from './commands/fg-quality.ts';
import { fgReadCommands } from './commands/fg-read.ts';
import { fgWriteCommands } from './commands/fg-write.ts';
import { fvBatchDataCommands } from './commands/fv-batch-data.ts';
import { fvCommands } from './commands/fv.ts';
import { initCommand } from './commands/init.ts';
import { projectCommands } from './commands/project.ts';
import { serveCommand } from './commands/serve.ts';
import { tableChangesCommands } from './commands/table-changes.ts';
import { tableMaintainCommands } from './commands/table-maintain.ts';
import { tableReadCommands } from './commands/table-read.ts';
import { tableWriteCommands } from './commands/table-write.ts';
import { tdCommands } from './commands/td.ts';
import { tourCommands } from './commands/tours.ts';

export const COMMANDS: readonly Command[] = [
  initCommand,
  ...definitionCommands,
  serveCommand,
  doctorCommand,
  ...tourCommands,
  ...projectCommands,
  ...discoveryCommands,
  ...accessCommands,
  ...fgInspectCommands,
  ...fgEditCommands,
  ...fgReadCommands,
  ...fgHistoryCommands,
  ...fgWriteCommands,
  ...fgMaintainCommands,
  ...fgQualityCommands,
  ...fvCommands,
  ...fvBatchDataCommands,
  ...fvEditCommands,
  ...tdCommands,
  ...tableReadCommands,
  ...tableChangesCommands,
  ...tableWriteCommands,
  ...tableMaintainCommands,
];
