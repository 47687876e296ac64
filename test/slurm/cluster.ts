import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { hostname, tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import fs from 'fs-extra';

/** A Slurm of one node: munged, slurmctld and slurmd with a configuration of their own, from Debian's packages. */
export interface Cluster {
  /** The name of its configuration: in SLURM_CONF. */
  readonly config: string;
  /** Waits until nothing is pending or running. */
  idle(seconds: number): Promise<void>;
  /** Ends what runs, and the three programs. */
  stop(): Promise<void>;
}

const PROGRAMS = ['/usr/sbin/munged', '/usr/sbin/slurmctld', '/usr/sbin/slurmd', '/usr/bin/sbatch'];

/** Cores that the node says it has, so that elements run side by side wherever this is run. */
const CPUS = 4;

export async function startCluster(): Promise<Cluster> {
  const absent = PROGRAMS.filter((path) => !fs.existsSync(path));
  if (absent.length > 0)
    throw new Error(`no ${absent.join(', ')}: apt-get install slurmctld slurmd slurm-client munge`);
  const folder = await fs.mkdtemp(join(tmpdir(), 'touchstone-slurm-'));
  const config = join(folder, 'slurm.conf');
  await writeConfig(folder, config);
  const started: ChildProcess[] = [];
  const start = async (program: string, args: readonly string[], ready: () => boolean) => {
    const log = join(folder, 'daemons.log');
    const out = fs.openSync(log, 'a');
    const child = spawn(program, args, {
      stdio: ['ignore', out, out],
      env: { ...process.env, SLURM_CONF: config },
    });
    fs.closeSync(out);
    started.push(child);
    await until(ready, 30, () => `${program} did not start: ${fs.readFileSync(log, 'utf8').slice(-2000)}`);
  };
  const slurm = (command: string, ...args: string[]): string =>
    execFileSync(command, args, {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
      env: { ...process.env, SLURM_CONF: config },
    });
  const stop = async () => {
    try {
      slurm('scancel', '--user', userInfo().username);
    } catch {
      // no controller: nothing runs
    }
    for (const child of started.reverse()) await end(child);
    await fs.remove(folder);
  };
  try {
    await startPrograms(folder, config, start, slurm);
  } catch (error) {
    await stop();
    throw error;
  }
  const idle = (seconds: number) =>
    until(
      () => slurm('squeue', '--noheader') === '',
      seconds,
      () => `still in the queue: ${slurm('squeue')}`,
    );
  return { config, idle, stop };
}

async function startPrograms(
  folder: string,
  config: string,
  start: (program: string, args: readonly string[], ready: () => boolean) => Promise<void>,
  slurm: (command: string, ...args: string[]) => string,
): Promise<void> {
  const at = (name: string) => join(folder, 'munge', name);
  const answers = (command: string, ...args: string[]) => {
    try {
      return slurm(command, ...args);
    } catch {
      return '';
    }
  };
  const munged = [
    '--foreground',
    '--force',
    '--key-file',
    at('key'),
    '--socket',
    at('socket'),
    '--pid-file',
    at('pid'),
  ];
  await start('/usr/sbin/munged', [...munged, '--log-file', at('log'), '--seed-file', at('seed')], () =>
    fs.existsSync(at('socket')),
  );
  await start('/usr/sbin/slurmctld', ['-D', '-c', '-f', config], () =>
    answers('scontrol', 'ping').includes('UP'),
  );
  await start('/usr/sbin/slurmd', ['-D', '-f', config, '-N', hostname()], () =>
    answers('sinfo', '--noheader', '--format=%t').startsWith('idle'),
  );
}

/** No cgroups, no accounting, one partition; everything it writes is below the folder. */
async function writeConfig(folder: string, config: string): Promise<void> {
  for (const name of ['munge', 'state', 'spool']) await fs.mkdir(join(folder, name), { mode: 0o755 });
  await fs.writeFile(join(folder, 'munge', 'key'), Buffer.alloc(128, folder), { mode: 0o600 });
  await fs.chmod(folder, 0o755);
  const [host, user] = [hostname(), userInfo().username];
  const lines = `
    ClusterName=test
    SlurmctldHost=${host}(127.0.0.1)
    SlurmctldPort=${await freePort()}
    SlurmdPort=${await freePort()}
    SlurmUser=${user}
    SlurmdUser=${user}
    AuthType=auth/munge
    AuthInfo=socket=${join(folder, 'munge', 'socket')}
    CredType=cred/munge
    StateSaveLocation=${join(folder, 'state')}
    SlurmdSpoolDir=${join(folder, 'spool')}
    SlurmctldPidFile=${join(folder, 'slurmctld.pid')}
    SlurmdPidFile=${join(folder, 'slurmd.pid')}
    SlurmdParameters=config_overrides
    ProctrackType=proctrack/linuxproc
    TaskPlugin=task/none
    SwitchType=switch/none
    MpiDefault=none
    ReturnToService=2
    SelectType=select/cons_tres
    SelectTypeParameters=CR_CPU
    SchedulerParameters=sched_interval=1,batch_sched_delay=0
    MinJobAge=600
    AccountingStorageType=accounting_storage/none
    JobAcctGatherType=jobacct_gather/none
    NodeName=${host} NodeAddr=127.0.0.1 CPUs=${CPUS} RealMemory=1000 State=UNKNOWN
    PartitionName=main Nodes=${host} Default=YES MaxTime=INFINITE State=UP`;
  await fs.writeFile(config, `${lines.trim().replaceAll(/^ +/gm, '')}\n`);
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  const killer = setTimeout(() => child.kill('SIGKILL'), 10_000);
  await gone;
  clearTimeout(killer);
}

async function until(ready: () => boolean, seconds: number, why: () => string): Promise<void> {
  const deadline = Date.now() + 1000 * seconds;
  while (!ready()) {
    if (Date.now() > deadline) throw new Error(why());
    await sleep(100);
  }
}
