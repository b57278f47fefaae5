#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# Streams that the configuration names: they are open from start-up, over
# reloads and without broadcasters, until the operator closes them.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Stentor::Kit;

use Time::HiRes qw(time);


need('ffmpeg');

my $media = Stentor::Media::fixture(freq => 880);


sub state_of($node, $name) {
    my $st = $node->stream($name);
    return $st ? "$st->{state} by $st->{opened_by}" : 'none';
}


sub state_is($node, $name, $state, $what) {
    return ok($node->wait_stream($name, sub ($st) {
        return $st && "$st->{state} by $st->{opened_by}" eq $state;
    }, $Stentor::Node::PATIENCE, "$name: $what"), "$name: $what");
}


# n more parts than there are now: so long passes.

sub passes($node, $name, $n) {
    my $from = $node->stream($name)->{parts};
    return $node->wait_stream($name, sub ($st) {
        return $st->{parts} >= $from + $n;
    });
}


sub reconfigure($node, $from, $to) {
    my $path = $node->dir() . '/nginx.conf';
    my $conf = Stentor::Node::slurp($path);

    $conf =~ s/$from/$to/ or die "no $from in the configuration\n";
    Stentor::Node::spew($path, $conf);
    $node->reload();
}


my $t0 = time();
my $node = Stentor::Node->new(
    segment_parts => 2, window => '3072ms', linger => '300ms',
    application => 'stream one; stream a/two; stream three; stream air;'
                   . ' stream his;',
    stentor => 'application mono { audio rate=44100 channels=1;'
               . ' part_duration 200ms; window 8s; stream one; }',
    http_server => 'location /mono/ { stentor_hls; }',
);

# --- at start-up

state_is($node, $_, 'hold by config', 'open from start-up')
    for qw(live/one live/a/two live/three mono/one);
note(sprintf('all open after %.0f ms', 1000 * (time() - $t0)));

for my $name (qw(one a/two three)) {
    my $p = playlist($node, $name);
    cmp_ok(scalar(@{ $p->{segments} }), '>=', 6, "$name: a whole playlist");
    conforms("$name: conforms", Stentor::Conformance::check($p));
}

my $l = listener($node, path => '/mono/one');
ok($l->parts(3), 'audio: another rate and channel');
conforms('conforms', @{ $l->{violations} });
my ($rend) = @{ $node->stream('mono/one')->{renditions} };
is("$rend->{rate} $rend->{channels}", '44100 1', 'as is said');

# --- his broadcaster comes and goes

my $witness = Stentor::Listener->fork_run(120, port => $node->port_http(),
                                          path => '/live/a/two');
my $b = broadcaster($node, name => 'a/two', media => $media);
is(state_of($node, 'live/a/two'), 'live by config', 'he comes');
is($node->stream('live/a/two')->{repairs}{formats}, 0,
   'he sends what it was opened with');
$b->stop();
passes($node, 'live/a/two', 6);
is(state_of($node, 'live/a/two'), 'hold by config',
   'he leaves: it stays for more than the linger');

# --- closed it stays closed

is($node->control('close', 'live/one')->{status}, 200, 'one is closed');
passes($node, 'live/three', 4);
like(state_of($node, 'live/one'), qr/^closed/, 'it stays closed');

$node->reload();
passes($node, 'live/three', 4);
like(state_of($node, 'live/one'), qr/^closed/, 'over a reload');

# longer than it can be read
ok($node->wait_stream('live/one', sub ($st) { !$st }), 'until it is gone');
is($node->control('open', 'live/other')->{status}, 200, 'another is opened');
passes($node, 'live/three', 4);
is(state_of($node, 'live/one'), 'none', 'it is not opened for that');

$node->reload();
passes($node, 'live/three', 4);
is(state_of($node, 'live/one'), 'none', 'nor by a reload');

my $s = Stentor::RTMP->open(port => $node->port_rtmp(), name => 'one',
                            asc => $media->{asc});
like(($s->on_status() // {})->{description} // '', qr/operator has closed/,
     'nor by a broadcaster');
$s->close();

is($node->control('open', 'live/one')->{status}, 200, 'but by its operator');
state_is($node, 'live/one', 'hold by control', 'it is his now');

# --- another configuration

$b = broadcaster($node, name => 'air', media => $media);
is($node->control('open', 'live/his')->{status}, 200, 'one is opened here');
reconfigure($node, qr/stream three; stream air; stream his;/, 'stream four;');
state_is($node, 'live/four', 'hold by config', 'open from the reload on');
state_is($node, 'live/three', 'closed by broadcaster',
         'one that is not in the configuration any more ends');
ok(playlist($node, 'three')->{ended}, 'so does its playlist');
state_is($node, 'live/air', 'live by broadcaster',
         'one with a broadcaster is his');
passes($node, 'live/air', 4);
$b->stop();
state_is($node, 'live/air', 'closed by broadcaster', 'and ends with him');
passes($node, 'live/four', 4);
is(state_of($node, 'live/his'), 'hold by control',
   'one that was opened by its operator goes on');
is(state_of($node, 'live/a/two'), 'hold by config',
   'and so does what is still in the configuration');

conforms('one unbroken programme through all of it',
         @{ $witness->join()->{violations} });
$node->done('TERM');

# --- one that cannot be opened: said, but not all the time

my $full = Stentor::Node->new(zone => '8m', stentor =>
    'application big { part_duration 200ms; window 60s; max_bitrate 3000000;'
    . ' stream one; }', application => 'stream one;');
state_is($full, 'live/one', 'hold by config', 'one that has room');
passes($full, 'live/one', 10);
is(state_of($full, 'big/one'), 'none', 'one that has not is not open');

my $log = $full->log();
my $crit = () = $log =~ /\[crit\].*stream "big\/one" is refused/g;
is($crit, 1, 'which is said once in a while');
is($full->status()->{ingest}{refused_full}, $crit, 'and counted');
like($log, qr/\[error\].*stream "big\/one" is not opened: the zone is full/,
     'with the reason');
$full->stop('TERM');

# --- what nginx -t says

for my $case (
    ['stream a/../b;', qr/invalid stream name "a\/\.\.\/b"/],
    ['stream /a;', qr/invalid stream name "\/a"/],
    ['stream "";', qr/invalid stream name ""/],
    ['stream ' . join('/', ('x' x 60) x 3) . ';', qr/invalid stream name/],
    ['stream a; stream b; stream a;', qr/duplicate stream "a"/],
    ['stream a loop=x;', qr/invalid parameter "loop=x"/],
    ['stream;', qr/invalid number of arguments in "stream" directive/],
    ['audio rate=7350;', qr/"audio" has one of AAC's rates/],
    ['audio rate=50000;', qr/"audio" has one of AAC's rates/],
    ['audio rate=48k;', qr/invalid parameter "rate=48k"/],
    ['audio channels=7;', qr/"audio" has .* 1 to 6 channels/],
    ['audio channels=0;', qr/"audio" has .* 1 to 6 channels/],
    ['max_bitrate 3000k; stream a;', undef],
    ['audio rate=8000; stream a;', undef],
    ['audio rate=96000 channels=6; stream a;', undef],
) {
    my ($rc, $said) = Stentor::Node->check(application => $case->[0]);

    is($rc, defined $case->[1] ? 1 : 0, substr("checked: $case->[0]", 0, 60));
    like($said, $case->[1], 'with the reason') if $case->[1];
}

# parts of 200 ms
for my $case (
    [2, '2400ms',
     qr/"window" must be at least 3000ms: .*"part_duration".*"segment_parts"/],
    [2, '3s'],
    [3, '3599ms', qr/"window" must be between 6 and 300 segments of 600ms/],
    [3, '3600ms'],
) {
    my ($parts, $window, $reason) = @$case;
    my ($rc, $said) = Stentor::Node->check(segment_parts => $parts,
                                           window => $window);

    is($rc, $reason ? 1 : 0, "checked: $window for segments of $parts parts");
    like($said, $reason, 'with the reason') if $reason;
}

done_testing();
