import { appendFileSync } from 'node:fs';

/** A Jest reporter: adds the path of each file with a failed test to the file that `MILLRACE_FAILED_TESTS` names, a line each, so
 *  that CI can run them once more. */
export default class FailedFiles {
  onTestResult(_test, { testFilePath, numFailingTests, testExecError }) {
    const list = process.env['MILLRACE_FAILED_TESTS'];
    if (list === undefined || (numFailingTests === 0 && !testExecError)) return;
    appendFileSync(list, `${testFilePath}\n`);
  }
}
