/** The control contract notices what it is there to notice. */
import { controlCases } from '../contract/control.contract.ts';
import { brokenControls } from '../support/broken-controls.ts';
import { describeBroken } from '../support/contract-suite.ts';

describeBroken('control', controlCases, brokenControls);
