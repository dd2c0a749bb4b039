/** `lakefold demo`: the whole product on three million real flights, judged at every step by SQL that shares nothing with it. */
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { isLakefoldError, LakefoldError } from '../../lib/core/errors.ts';
import { Client } from '../client.ts';
import { loadConfig } from '../config.ts';
import { openLocalStore } from '../local-store.ts';
import { backfill } from './backfill.ts';
import { killWriters } from './crash.ts';
import { define } from './define.ts';
import { AIRPORTS, CONFIG_TEXT, PROJECT, STORE_FOLDER, VIEW } from './definitions.ts';
import type { Demo } from './demo.ts';
import { FlightFeed } from './feed.ts';
import { findFlightsFile } from './flights-file.ts';
import { lateRowsArrive } from './late-rows.ts';
import { lookUpForAnApp } from './lookups.ts';
import { Oracle } from './oracle.ts';
import { nextDay, scenario as scenarioOf, type Scenario } from './scenario.ts';
import { Story, type StepResult, type StoryStream } from './story.ts';
import { travelBack } from './time-travel.ts';
import { train } from './training.ts';
import { midnight } from './truth.ts';
import { keepUp } from './upkeep.ts';

export interface DemoOptions {
  /** Three weeks and a quarter of the flights instead of the half year. */
  readonly quick: boolean;
  /** No bars and colours on `out`; the caller prints what this answers. */
  readonly json: boolean;
  /** Folder to work in, empty or not there yet; else one of its own among the system's temporary ones. */
  readonly keep?: string;
  /** Where the story is told. */
  readonly out: StoryStream;
}

export interface DemoResult {
  readonly ok: boolean;
  readonly steps: readonly StepResult[];
}

/**
 * Tells the story up to its end or its first failed check. The folder stays.
 * @throws LakefoldError INVALID_ARGUMENT without the flights or with a folder that holds something; what a step throws
 */
export async function runDemo(options: DemoOptions): Promise<DemoResult> {
  const flightsFile = findFlightsFile();
  const directory = await workingDirectory(options.keep);
  const scenario = scenarioOf(options.quick ? 'quick' : 'full');
  const scratchDirectory = join(directory, '.work');
  await mkdir(scratchDirectory, { recursive: true });
  const story = new Story(options.out, { screen: options.json ? 'never' : 'ifTTY' });
  story.say(
    `Lakefold on 3,000,000 real flights: ${scenario.days.length} days up to ${scenario.days.at(-1)}. Each ✓ was checked by SQL over the raw file that shares nothing with the product.`,
  );
  try {
    await tell(story, { flightsFile, directory, scratchDirectory, scenario });
  } catch (error) {
    if (!isLakefoldError(error)) throw error;
    story.say(`   ✗ ${error.code}: ${error.message}`);
  } finally {
    await rm(scratchDirectory, { recursive: true, force: true });
  }
  if (story.ok) tellTheEnd(story, directory);
  else story.say(`\nA check failed. The files are in ${directory}`);
  return { ok: story.ok, steps: story.steps };
}

interface Setting {
  readonly flightsFile: string;
  readonly directory: string;
  readonly scratchDirectory: string;
  readonly scenario: Scenario;
}

async function tell(story: Story, setting: Setting): Promise<void> {
  const { directory, flightsFile, scenario, scratchDirectory } = setting;
  const [first = scenario.end] = scenario.days;
  const path = join(directory, 'lakefold.config.ts');
  await writeFile(path, CONFIG_TEXT);
  const config = await loadConfig(path);
  const location = join(directory, STORE_FOLDER);
  const store = await openLocalStore({ location, functions: config.functions });
  const oracle = Oracle.open({ flightsFile, flightsFrom: scenario.flightsFrom, from: midnight(first), until: midnight(nextDay(scenario.end)) });
  oracle.catch(() => undefined);
  const feed = await FlightFeed.open({ flightsFile, scenario, scratchDirectory });
  try {
    const client = new Client(async (request) => store.app.fetch(request), { base: 'http://localhost' });
    await tellSteps(story, {
      demo: { scenario, store, client, feed, oracle, scratchDirectory, location },
      config,
      spineFile: join(directory, 'june-flights.parquet'),
    });
  } finally {
    await store.close();
    await feed.close();
    (await oracle.catch(() => undefined))?.close();
  }
}

async function tellSteps(
  story: Story,
  { demo, config, spineFile }: { readonly demo: Demo; readonly config: Awaited<ReturnType<typeof loadConfig>>; readonly spineFile: string },
): Promise<void> {
  let recorded: Awaited<ReturnType<typeof backfill>> = { airport_delays: 0, route_delays: 0 };
  let served: Awaited<ReturnType<typeof lateRowsArrive>> = new Map();
  const steps: readonly (() => Promise<boolean>)[] = [
    () => story.step('define', 'Define two feature groups and a view', (step) => define(demo, step, config)),
    () =>
      story.step('backfill', 'Fill the past in, day by day', async (step) => {
        recorded = await backfill(demo, step);
      }),
    () =>
      story.step('late-rows', 'Late rows and a correction arrive out of order', async (step) => {
        served = await lateRowsArrive(demo, step);
      }),
    () => story.step('lookups', 'Look up vectors for an app', (step) => lookUpForAnApp(demo, step)),
    () => story.step('time-travel', 'Travel back in time', (step) => travelBack(demo, step, recorded)),
    () => story.step('training', 'Train a model on what was known, and on what was not', (step) => train(demo, step, { spineFile, served })),
    () => story.step('upkeep', 'Compact, checkpoint, vacuum (dry)', (step) => keepUp(demo, step, recorded)),
    () => story.step('crash', 'Kill the writer in mid-commit', (step) => killWriters(demo, step)),
  ];
  for (const tellStep of steps) if (!(await tellStep())) return;
}

function tellTheEnd(story: Story, directory: string): void {
  const seconds = story.steps.reduce((sum, step) => sum + step.seconds, 0);
  const checks = story.steps.reduce((sum, step) => sum + step.checks, 0);
  story.say(
    `\nAll ${checks} checks passed in ${seconds.toFixed(1)} s of steps. The files are in ${directory}: definitions, the spine, and the store with its two Delta tables.`,
  );
  story.say('Try next:');
  for (const command of nextCommands(directory)) story.say(`  ${command}`);
}

/** Commands that work on what the demo left. */
function nextCommands(directory: string): readonly string[] {
  const [entry = 'lakefold'] = process.argv.slice(1);
  const lakefold = entry.endsWith('.js') || entry.endsWith('.ts') ? [process.execPath, ...process.execArgv, entry].map(quoted).join(' ') : quoted(entry);
  const config = `--config ${quoted(join(directory, 'lakefold.config.ts'))}`;
  return [
    `${lakefold} fv get ${VIEW} origin=ORD destination=SFO --param distance=1846 --param departs_at=2001-07-01T17:30:00Z ${config}`,
    `${lakefold} fg commits ${AIRPORTS} ${config}`,
    `${lakefold} table history ${quoted(join(directory, STORE_FOLDER, PROJECT, 'feature-groups', AIRPORTS, '1'))}`,
  ];
}

function quoted(text: string): string {
  return /^[\w./:=@-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

async function workingDirectory(keep: string | undefined): Promise<string> {
  if (keep === undefined) return mkdtemp(join(tmpdir(), 'lakefold-demo-'));
  const directory = resolve(keep);
  await mkdir(directory, { recursive: true });
  const [first] = await readdir(directory);
  if (first !== undefined)
    throw new LakefoldError('INVALID_ARGUMENT', `expected an empty folder for the demo, found ${JSON.stringify(first)} in ${directory}`, {
      context: { path: directory },
    });
  return directory;
}
