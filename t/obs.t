#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# The real OBS pushes a tone, over RTMP, RTMPS and SRT with a passphrase, all
# at once, and a player hears that tone: its frequency, its level, no gap and
# no click.  Only where it is asked for (STENTOR_OBS=1) and OBS is installed,
# for it needs a processor for itself: what it sends is replayed in
# rtmp_encoders.t. What was heard is told with prove -v.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Stentor::Authority;
use Stentor::Kit;
use Stentor::Tone;

use constant {
    SECONDS => 30,
    COMES => 60,                       # until OBS is up
};

plan(skip_all => 'for a quiet machine: set STENTOR_OBS') if !$ENV{STENTOR_OBS};

for my $program (qw(obs Xvfb)) {
    next if Stentor::Node::which($program);
    plan(skip_all => "needs $program: apt-get install obs-studio xvfb");
}

need(qw(ffmpeg openssl timeout unshare));

plan(skip_all => 'needs namespaces of mounts')
    if system('unshare -r -m true 2> /dev/null') != 0;

my $dir = File::Temp::tempdir('stentor-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my ($trusted, $other) = map {
    Stentor::Authority->new(dir => $dir, name => $_)
} qw(trusted other);
my ($pem, $key) = $trusted->issue('localhost');
my $port = Stentor::Node::free_port();

my $secret = 'a passphrase for OBS';

my $node = Stentor::Node->new(window => '20s', linger => '60s',
    srt => ["latency=500ms 'passphrase=$secret'"],
    stream => "ssl_certificate $pem; ssl_certificate_key $key;"
        . " server { listen 127.0.0.1:$port ssl; stentor_rtmp; }");

my %PUSH = (
    rtmp => { hz => 660,
              to => ['rtmp://127.0.0.1:' . $node->port_rtmp() . '/live'] },
    rtmps => { hz => 520, to => ["rtmps://localhost:$port/live"],
               options => ['--ca', $trusted->{pem}] },
    srt => { hz => 440, to => [$node->srt_url()], app => 'live/',
             options => ['--password', $secret], encoder => qr/^libsrt/,
             left => 'has ended: broadcaster closed the connection' },
);


sub obs($name, @args) {
    my $pid = fork() // die "fork: $!\n";
    return $pid if $pid;

    open(STDOUT, '>', "$dir/$name.out");
    open(STDERR, '>&', \*STDOUT);
    exec("$Stentor::Node::TOP/scripts/obs", '--log', "$dir/$name.log",
         '--seconds', SECONDS, @args) or POSIX::_exit(127);
}


sub said($name) {
    return map { Stentor::Node::slurp("$dir/$name.$_") // '' } qw(out log);
}


for my $name (sort keys %PUSH) {
    my $p = $PUSH{$name};

    $p->{pid} = obs($name, '--hz', $p->{hz}, '--db', Stentor::Tone::DB,
                    @{ $p->{options} // [] }, @{ $p->{to} },
                    ($p->{app} // '') . "obs-$name");
}

for my $name (sort keys %PUSH) {
    $node->wait_stream("live/obs-$name", sub ($st) {
        return $st && $st->{state} eq 'live' && $st->{session}
               && $st->{session}{encoder};
    }, COMES, "OBS comes over $name") or diag(said($name));
}

for my $name (sort keys %PUSH) {
    my $session = $node->stream("live/obs-$name")->{session} // {};

    is($session->{protocol}, $name, "$name: the protocol in the status");
    like($session->{encoder}, $PUSH{$name}{encoder} // qr/obs/i,
         "$name: it is OBS");
    Stentor::Tone::is_heard($node, "obs-$name", $PUSH{$name}{hz},
                            "OBS over $name");
}

for my $name (sort keys %PUSH) {
    waitpid($PUSH{$name}{pid}, 0);
    is($?, 0, "$name: OBS stops when told") or diag(said($name));

    my $left = $PUSH{$name}{left};
    like($node->log(), $left ? qr{stream "live/obs-$name" $left}
                             : qr{broadcaster ended stream "live/obs-$name"},
         "$name: and leaves in order");

    my $repairs = $node->stream("live/obs-$name")->{repairs};
    is($repairs->{$_}, 0, "$name: no $_") for qw(gaps_filled resyncs);
}

# one who trusts another authority; OBS would not try again
waitpid(obs('strange', '--ca', $other->{pem}, "rtmps://localhost:$port/live",
            'strange'), 0);
is($? >> 8, 1, 'an unknown authority: OBS does not stream')
    or diag(said('strange'));
ok(!$node->stream('live/strange'), 'and did not publish');

$node->done('TERM');
done_testing();
