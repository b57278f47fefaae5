#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# Three hours: made up as a killed node leaves them, gone on with by a
# broadcaster, killed again, and ended.  It plays and seeks in ffmpeg and in a
# browser, while it is on and after; the end is told within a second.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Stentor::Kit;
use Stentor::Replay;

use File::Temp ();
use JSON::PP ();
use Time::HiRes qw(time);


need(qw(ffmpeg ffprobe node chromium));

use constant HOURS3 => 3 * 3600;

my $dir = File::Temp->newdir('stentor-XXXXXX', TMPDIR => 1);
chmod(0755, $dir);
my $media = Stentor::Media::fixture(freq => 880, bitrate => '64k');
my $node = Stentor::Node->new(part_duration => '1s', window => '36s',
    linger => '2s',
    application => "replay $dir;", Stentor::Replay::location($dir));
my $r = Stentor::Replay->new(node => $node, dir => $dir);


sub browser($file, @seconds) {
    my $script = "$Stentor::Node::TOP/t/browser/replay.js";
    my $said = `node $script @{[ $r->url($file) ]} @seconds`;
    my $j = eval { JSON::PP::decode_json($said) } // { failed => [$said] };

    is("@{ $j->{failed} }", '', "a browser plays $file at @seconds s");
    is(scalar(@{ $j->{places} // [] }), scalar(@seconds), 'everywhere');

    return $j;
}

# How loud ffmpeg finds two seconds at second at: a tone, or nothing.  (In HLS
# of fragmented MP4 it does not find its way, not even in its own.)

sub tone_at($what, $at) {
    my $seek = $at ? "-ss $at" : '';
    my $null = '-af astats -f null -';
    my $said = `ffmpeg -v info $seek -t 2 -i '$what' $null 2>&1`;
    my ($db) = $said =~ /RMS level dB: (-?[\d.]+)/;
    ok(defined $db && $db > -40, "ffmpeg plays it at $at s")
        or diag($said);
}


# --- three hours, up to a moment ago

my $b = broadcaster($node, name => 'other', media => $media);
my ($init) = fetch_all($node, '/live/other/'
                              . playlist($node, 'other')->{map});
$b->stop();

my $start = $r->make_up(seconds => HOURS3, end => time() - 5, init => $init,
                        media => $media, torn => 'torn off');
my $t0 = time();
$b = broadcaster($node, media => $media);
ok($node->wait_until(sub {
    return $r->seconds() > HOURS3 - 10 && $r->playlist()->{segments}[-1]{at}
           > 1000000;
}, 60), sprintf('repaired and told of: %.2f s after he came', time() - $t0));
is(($r->starts())[0], $start, 'the same replay');
conforms('one playlist', $r->violations());

my $n = @{ $r->playlist()->{segments} };
ok($node->wait_until(sub { @{ $r->playlist()->{segments} } >= $n + 1 }, 20),
   'it grows');
conforms('at its end', $r->violations());

# --- while it is on

my $j = browser('index.m3u8', 5400, HOURS3 - 20);
cmp_ok($j->{start} // 99, '<', 1, 'from its beginning');
tone_at($r->path() . '/audio.m4a', 5400);
my $said = Stentor::Replay::probe($r->path() . '/audio.m4a');
is($said->{said}, '', 'ffprobe is content');

# --- killed once more

ok($node->kill_it(), 'everything is killed');
$b->kill_it();
$node->start();
$b = broadcaster($node, media => $media);
$n = @{ $r->playlist()->{segments} };
ok($node->wait_until(sub { @{ $r->playlist()->{segments} } > $n }, 30),
   'it goes on');
is(scalar($r->starts()), 1, 'as the same replay');
conforms('behind what was listed', $r->violations());

# --- the end

$b->stop();
$node->wait_stream('live/studio1', sub ($st) {
    return !$st || $st->{state} eq 'closed';
}, 10);
$t0 = time();
ok($node->wait_until(sub { $r->playlist()->{ended} }), 'it ends');
my $took = time() - $t0;
cmp_ok($took, '<', 1, sprintf('%.2f s after the stream', $took));
conforms('as it was', $r->violations());
ok($node->wait_until(sub {
    return Stentor::Node::slurp($r->path() . '/.plan') =~ /^end/m;
}), sprintf('its file is complete after %.2f s', time() - $t0));

$j = browser('index.m3u8', 10000, 60, HOURS3 - 10);
cmp_ok(abs(($j->{duration} // 0) - $r->seconds()), '<', 1, 'of its length');
$j = browser('audio.m4a', 10000, 60, HOURS3 - 10);
cmp_ok(abs(($j->{duration} // 0) - $r->seconds()), '<', 1, 'of its length');

tone_at($r->path() . '/audio.m4a', $_) for HOURS3 - 30, 7;
tone_at($r->url('index.m3u8'), 0);
$said = Stentor::Replay::probe($r->path() . '/audio.m4a');
is($said->{said}, '', 'ffprobe is content');
is($said->{frames}, scalar($r->frames()), 'every frame of three hours');
note("chapters: @{[ $r->story() ]}");

$node->done('TERM');
done_testing();
