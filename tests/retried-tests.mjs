/** A Jest reporter: names, last of all, each test that passed only when it was tried again. Such a test, or what it tests,
 *  has a fault. */
export default class RetriedTests {
  onRunComplete(_contexts, { testResults }) {
    for (const { testFilePath, testResults: tests } of testResults) {
      for (const { fullName, status, invocations } of tests) {
        if (status === 'passed' && invocations > 1) console.error(`RETRIED ${testFilePath}: ${fullName}`);
      }
    }
  }
}
