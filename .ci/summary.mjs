// The closing line of .ci/run: node .ci/summary.mjs <vitest's JSON report> [<failed step> …]
import { existsSync, readFileSync } from 'node:fs';

const [path, ...failedSteps] = process.argv.slice(2);
const nothingRan = { numPassedTests: 0, numFailedTests: 0, testResults: [] };
const report = existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : nothingRan;

// A file that cannot be loaded has failed without a test; a crash may have failed without a file.
const brokenFiles = report.testResults.filter(
  (file) => file.status === 'failed' && file.assertionResults.length === 0,
);
const failedTests = report.numFailedTests + brokenFiles.length;
const failedRun = failedSteps.includes('Tests') && failedTests === 0 ? 1 : 0;
const otherSteps = failedSteps.filter((step) => step !== 'Tests').length;

console.log(`${report.numPassedTests} passed, ${failedTests + failedRun + otherSteps} failed`);
