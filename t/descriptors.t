#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# A worker has no descriptor left, nor any memory: who is on the air and who
# listens goes on, a replay says that it fails and goes on later, and whoever
# comes meanwhile comes in when there is room again.  The log says it, and not
# once for each of them.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use IO::Select;
use IO::Socket::INET;

use Stentor::Kit;
use Stentor::Replay;

use File::Temp ();
use Time::HiRes qw(time);


need(qw(ffmpeg prlimit));

my $MANY = 300;          # who come
my $SPARE = 24;          # descriptors that there are for them

my $dir = File::Temp->newdir('stentor-XXXXXX', TMPDIR => 1);
chmod(0755, $dir);
my $node = Stentor::Node->new(workers => 1, window => '8s', linger => '30s',
    zone => '64m', connections => 1024, events => 'accept_mutex_delay 500ms;',
    application => "stream conf; replay $dir end=60s;",
    expected => qr/Too\ many\ open\ files|Cannot\ allocate\ memory
                   |replay\ of\ stream\ \S+\ fails|open\ file\ resource/x);


sub worker() { return ($node->worker_pids())[0] }


sub descriptors($pid) {
    my @fds = glob("/proc/$pid/fd/*");
    return scalar(@fds);
}


# Limits of the worker that runs, as of worker_rlimit_nofile and the like.

sub limit(%o) {
    system('prlimit', '--pid', worker(), map { "--$_=$o{$_}:" } keys %o) == 0
        or die "prlimit: $?\n";
}


sub lines($pattern) {
    my @lines = grep { $_ =~ $pattern } split(/\n/, $node->log());
    return scalar(@lines);
}


my $b = broadcaster($node, name => 'air');
my $l = Stentor::Listener->fork_run(200, port => $node->port_http(),
                                    path => '/live/air', edge => 1);
my $r = Stentor::Replay->new(dir => "$dir", stream => 'live/air');
ok($node->wait_status(sub ($s) { $s->{hls}{waiters} }), 'somebody listens');
ok($node->wait_until(sub {
    ($r->starts()) && ($r->playlist() // { segments => [] })->{segments}[1];
}), 'it is written to disk');

# kept for when there is nothing left
my $c = $node->http();


# The status over a connection that was there before.

sub status() {
    $c->request('GET', '/status');
    my $answer = $c->response() // die "no status\n";
    return JSON::PP::decode_json($answer->{body});
}


sub air($s) { return $node->stream('live/air', $s) }


# So many parts of the stream, that somebody waits for.

sub goes_on($n) {
    my $from = air(status())->{parts};

    return $node->wait_until(sub {
        my $s = status();
        return air($s)->{parts} >= $from + $n && $s->{hls}{waiters};
    });
}


my $was = air(status());

# --- no descriptors

limit(nofile => descriptors(worker()) + $SPARE);

my @many = map {
    IO::Socket::INET->new(PeerAddr => '127.0.0.1:' . $node->port_http(),
                          Timeout => 5) // die "connect: $@\n"
} 1 .. $MANY;
my $t0 = time();
ok($node->wait_until(sub { lines(qr/accept4?\(\) failed \(24/) > 1 }),
   'there are none left, the log says');

ok(goes_on(25), 'who listens goes on');
my $is = air(status());
is($is->{state}, 'live', 'so does the broadcaster');
is($is->{session}{id}, $was->{session}{id}, 'in his session');

my $said = lines(qr/accept4?\(\) failed \(24/);
cmp_ok($said, '<', 10 + 3 * (time() - $t0),
       "the log says it twice a second, not $MANY times");

ok($node->wait_until(sub {
    status()->{verdict}{figures}{open} > $SPARE / 2
}), 'the status counts who is there');

close($_) for @many;
ok($node->wait_until(sub {
    eval { $node->get('/live/air/audio.m3u8')->{status} == 200 }
}), 'when they have gone the next one comes in');
limit(nofile => 1024);

my $segments = @{ $r->playlist()->{segments} };
ok($node->wait_until(sub {
    air(status())->{replay} eq 'writing'
        && @{ $r->playlist()->{segments} } > $segments;
}, 30), 'the replay is written again, or still');
conforms('as it may be played', $r->violations());

my $heard = $l->join();
conforms('and the listener has heard one unbroken programme',
         @{ $heard->{violations} });
cmp_ok(scalar(@{ $heard->{parts} }), '>', 25, 'of many parts');

# --- no memory

my ($pid, $before) = (worker(), air(status()));
my ($kb) = Stentor::Node::slurp("/proc/$pid/status") =~ /^VmSize:\s+(\d+)/m;
my $msn = $before->{renditions}[0]{msn} + 5;
my @told;

limit(as => 1024 * $kb);

# as many as it takes, and one who publishes: that is a thread
ok($node->wait_until(sub {
    my $conn = eval { $node->http() } // return 0;
    $conn->request('GET', "/live/air/audio.m3u8?_HLS_msn=$msn");
    push(@told, $conn);
    return lines(qr/\(12: Cannot allocate memory\)/);
}), 'there is no memory left, the log says');

my $guest = eval {
    Stentor::Broadcaster->start(port => $node->port_rtmp(), name => 'guest')
};

limit(as => 'unlimited');
$guest->kill_it() if $guest;
$_->close() for @told;
$c = $node->http();

is(worker(), $pid, 'the worker is the same');
is(air(status())->{session}{id}, $was->{session}{id},
   'and so is the broadcaster\'s session');
$guest = broadcaster($node, name => 'guest2');

for my $name (qw(air guest2)) {
    $l = listener($node, path => "/live/$name");
    ok($l->parts(12), "with memory there is somebody who hears $name");
    conforms('without a gap', @{ $l->{violations} });
}

$guest->stop();
$b->stop();
$node->done('TERM');
done_testing();
