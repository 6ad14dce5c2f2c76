import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

describe('setup.mjs on a machine where programs are missing', () => {
  it('says what is missing and the command that installs it, to who is not root', () => {
    const root = fileURLToPath(new URL('..', import.meta.url));
    const words = ['--import', 'data:text/javascript,process.getuid=()=>1000', 'setup.mjs', 'test'];
    const ran = spawnSync(process.execPath, words, { cwd: root, encoding: 'utf8', env: { PATH: '/nowhere' } });
    expect(ran.stderr).toMatch(/^clarion: these Debian packages are missing\. Run: sudo apt-get install -y .*\bgcc\b/);
    expect(ran.status).toBe(3);
  });
});
