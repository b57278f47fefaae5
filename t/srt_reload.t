#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# SRT across reloads and deaths of workers: a session ends in order with its
# worker, the port is served all the while, who comes back goes on in the same
# programme, and nobody beside notices.  Ports come and go with the
# configuration; one that is taken is an error, and changes nothing.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Stentor::Encoder;
use Stentor::Kit;
use Stentor::SrtCaller;
use Stentor::Tone;

use IO::Socket::IP;
use Time::HiRes qw(time sleep);


need('ffmpeg');

use constant {
    # libsrt gives up on a handshake after 3 s, ffmpeg's as well
    GIVES_UP => 3,
    BACK => 2,

    # it takes a peer for dead after 5 s
    DEAD => 5,
};

my $SLOW = $ENV{STENTOR_ASAN} ? 5 : 0;
my $dir = File::Temp::tempdir('stentor-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $file = Stentor::Tone::file("$dir/tone.m4a", 660, 300);
my $node = Stentor::Node->new(window => '20s', linger => '60s', srt => [''],
    expected => qr/\[emerg\].*bind\(\) to srt address/);
my @encoders;


sub push_srt($name = 'studio') {
    my $e = Stentor::Encoder->start(file => $file, url => $node->srt_url(),
        format => 'mpegts', log => "$dir/$name.log",
        options => ['-srt_streamid', "#!::r=live/$name,m=publish"]);

    push(@encoders, $e);
    return $e;
}


sub session($name = 'studio') {
    my $st = $node->stream("live/$name") // return 0;
    return $st->{state} eq 'live' && $st->{session} ? $st->{session}{id} : 0;
}


# Waits for a session other than that one, and says how long it took.

sub is_on_air($what, $former, $seconds) {
    my $began = time();

    ok($node->wait_until(sub { my $id = session(); $id && $id != $former },
                         $seconds + $SLOW), $what)
        or diag($node->log(), Stentor::Node::slurp("$dir/studio.log"));
    note(sprintf('%s: after %.1f s', $what, time() - $began));
}


sub msn() { return $node->stream('live/studio')->{renditions}[0]{msn} }


sub gets_in($what, $port) {
    my $c = Stentor::SrtCaller->connect(port => $port,
                                        streamid => 'live/other');
    is($c->{code}, 0, "$what: a caller gets in");
    $c->shutdown() if defined $c->{code};
}


# Whether somebody else can have the port.

sub is_free($port) {
    return defined IO::Socket::IP->new(Proto => 'udp', LocalPort => $port,
                                       LocalHost => '127.0.0.1');
}


# The worker that has the ports, as the log says.

sub owner() {
    my @pids = $node->log() =~ /\ (\d+)\#\d+:\ srt\ listens\ on/gx;
    return $pids[-1] // 0;
}


# One caller after another, in a process of its own: {slowest, failed, n}.

sub callers() {
    pipe(my $r, my $w) or die "pipe: $!\n";
    pipe(my $stop_r, my $stop_w) or die "pipe: $!\n";
    my $pid = fork() // die "fork: $!\n";

    if ($pid == 0) {
        close($stop_w);
        $stop_r->blocking(0);
        my ($slowest, $failed, $n) = (0, 0, 0);

        while (!defined(sysread($stop_r, my $x, 1))) {
            my $began = time();
            my $c = Stentor::SrtCaller->connect(port => $node->port_srt(),
                                                streamid => 'live/other');

            $failed++ if ($c->{code} // -1) != 0;
            $c->shutdown();
            $slowest = time() - $began if time() - $began > $slowest;
            $n++;
            sleep(0.01);
        }

        syswrite($w, "$slowest $failed $n");
        POSIX::_exit(0);
    }

    return { pid => $pid, say => $r, stop => $stop_w };
}


sub callers_end($c, $what) {
    close($c->{stop});
    close($c->{say}) if !sysread($c->{say}, my $said, 100);
    waitpid($c->{pid}, 0);

    my ($slowest, $failed, $n) = split(' ', $said // '99 99 0');
    is($failed, 0, "$what: every caller got in");
    cmp_ok($slowest, '<', GIVES_UP, "$what: before he would have given up");
    note(sprintf('%s: %d callers, the slowest took %.2f s', $what, $n,
                 $slowest));
}


# --- reloads

my $encoder = push_srt();
is_on_air('a broadcaster', 0, 10);

my $beside = broadcaster($node, name => 'beside');
my %witness = map {
    $_ => Stentor::Listener->fork_run(240, port => $node->port_http(),
                                      path => "/live/$_", edge => 1)
} qw(studio beside);

for my $round (1 .. 3) {
    my ($former, $msn, $began) = (session(), msn(), time());
    my $many = callers();

    kill('HUP', $node->{pid});
    ok($node->wait_until(sub { $encoder->gone() }, BACK + $SLOW),
       "reload $round: the broadcaster is hung up on");
    note(sprintf('after %.1f s', time() - $began));

    $encoder = push_srt();
    is_on_air("reload $round: he is back", $former, BACK);
    cmp_ok(msn(), '>=', $msn, "reload $round: in the same programme");
    ok(!is_free($node->port_srt()), "reload $round: the port is ours");
    callers_end($many, "reload $round");

    ok($node->wait_until(sub { (() = $node->worker_pids(1)) <= 3 }),
       "reload $round: the old worker goes");
}

like($node->log(), qr/"live\/studio" has ended: worker shuts down/,
     'the log says why they ended');
ok(!$beside->closed(0.01), 'a broadcaster by RTMP was never dropped');

# --- nginx -t beside it

{
    local %ENV = (%ENV, $node->environment());
    my $said = `$node->{nginx} -t -p $dir -e $dir/test.log \\
        -c $node->{dir}/nginx.conf 2>&1`;
    is($?, 0, 'nginx -t beside it') or diag($said);
    unlike($said, qr/\[(?:emerg|alert|crit)\]/, 'and it has no complaints')
        or diag($said);
    ok(!$encoder->gone(), 'which changes nothing');
}

# --- the death of the worker that has the port

for my $round (1, 2) {
    my ($former, $msn, $pid) = (session(), msn(), owner());
    my $began = time();

    ok((grep { $_ == $pid } $node->worker_pids()), "death $round: of $pid");
    $node->kill_worker('KILL', $pid);

    ok($node->wait_until(sub { owner() != $pid }, BACK + $SLOW),
       "death $round: another worker has the port");
    note(sprintf('after %.1f s', time() - $began));

    my $old = $encoder;
    $encoder = push_srt();
    is_on_air("death $round: he is back", $former, BACK);
    cmp_ok(msn(), '>=', $msn, "death $round: in the same programme");
    gets_in("death $round", $node->port_srt());

    ok($node->wait_until(sub { $old->gone() }, 2 * DEAD + $SLOW),
       "death $round: his former connection ends");
}

# --- ports that come and go

my $port = Stentor::Node::free_port('udp');
my @was = @$node{qw(srt srt_ports)};
my $former = session();

$node->{srt} = ['', 'stream=live/third'];
$node->{srt_ports} = [$node->port_srt(), $port];
$node->write_conf();
$node->reload();
ok($node->wait_until(sub { $encoder->gone() }), 'a port more: a reload');
$encoder = push_srt();
is_on_air('a port more: he is back', $former, BACK);
gets_in('the port that was', $node->port_srt());
gets_in('the new port', $port);

@$node{qw(srt srt_ports)} = @was;
$former = session();
$node->write_conf();
$node->reload();
ok($node->wait_until(sub { $encoder->gone() }), 'a port less: a reload');
$encoder = push_srt();
is_on_air('a port less: he is back', $former, BACK);
gets_in('the port that stays', $node->port_srt());
ok($node->wait_until(sub { is_free($port) }), 'the other one is free');

# --- a port that is taken

my $taken = Stentor::Node::free_port('udp');
my $holder = IO::Socket::IP->new(Proto => 'udp', LocalHost => '127.0.0.1',
                                 LocalPort => $taken) or die "no holder: $@\n";

my $second = Stentor::Node->prepare(srt => ['']);
$second->{srt_ports} = [$taken];
$second->write_conf();
ok(!eval { $second->start(); 1 }, 'a taken port: a node does not start');
like($@, qr/\[emerg\].*bind\(\) to srt address 127.0.0.1:$taken failed \(98/,
     'a taken port: it says why');

my @workers = $node->worker_pids();
my $from = length($node->log());
$former = session();
$node->{srt} = ['', ''];
$node->{srt_ports} = [$node->port_srt(), $taken];
$node->write_conf();
kill('HUP', $node->{pid});

ok($node->wait_until(sub {
    return substr($node->log(), $from) =~ /\[emerg\].*:$taken failed \(98/;
}), 'a taken port: a reload fails') or diag(substr($node->log(), $from));
is("@{[ $node->worker_pids() ]}", "@workers",
   'a taken port: the workers stay');
gets_in('a taken port', $node->port_srt());
is(session(), $former, 'a taken port: the broadcaster stays');

# the configuration that was has its own descriptors still
@$node{qw(srt srt_ports)} = @was;
$node->write_conf();
close($holder);
$node->reload();
ok($node->wait_until(sub { $encoder->gone() }), 'a reload after that');
$encoder = push_srt();
is_on_air('a reload after that: he is back', $former, BACK);

# --- no SRT any more, and again

$node->{srt} = $node->{srt_ports} = [];
$node->write_conf();
$node->reload();
ok($node->wait_until(sub { $encoder->gone() }), 'no port: he has to go');
ok($node->wait_until(sub { is_free($was[1][0]) }), 'no port: it is free');

@$node{qw(srt srt_ports)} = @was;
$node->write_conf();
$node->reload();
$encoder = push_srt();
is_on_air('a port again: he is back', $former, BACK + 1);

# --- what listeners heard

my $parts = $node->stream('live/beside')->{parts} + 12;
$node->wait_stream('live/beside', sub ($st) { $st->{parts} >= $parts });

for my $name (sort keys %witness) {
    my $report = $witness{$name}->join();
    conforms("$name: one unbroken programme", @{ $report->{violations} });
    is($report->{missed}, 0, "$name: no part was lost");
}

is($node->stream('live/beside')->{repairs}{gaps_filled}, 0,
   'beside: no gap');

# --- the end

my $began = time();
$beside->stop();
ok($node->stop('QUIT', 15 + $SLOW), 'QUIT with a session');
note(sprintf('after %.1f s', time() - $began));
ok($node->wait_until(sub { $encoder->gone() }), 'he is hung up on');
is(join("\n", $node->dirt()), '', 'logs are clean');
unlike($node->log(), qr/passphrase/, 'nothing is said of passphrases');
ok(is_free($node->port_srt()), 'the port is free');

$node->start();
$encoder = push_srt();
is_on_air('started again', 0, 10);
$began = time();
ok($node->stop('TERM', 2 + $SLOW), 'TERM with a session');
note(sprintf('after %.1f s', time() - $began));
ok($node->wait_until(sub { $encoder->gone() }, DEAD + 1), 'he goes');

$node->done();
done_testing();
