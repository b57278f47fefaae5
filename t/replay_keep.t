#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# How long replays are kept, by age and by size; what may not be called what;
# and what nginx -t says to "replay".

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Stentor::Kit;
use Stentor::Replay;

use File::Temp ();


need(qw(ffmpeg));

my $media = Stentor::Media::fixture(freq => 880);


# --- by age, and by size

my ($b, $one) = (undef, Stentor::Node->new());
$b = broadcaster($one, media => $media);
my ($init) = fetch_all($one, '/live/studio1/' . playlist($one)->{map});
$b->stop();
$one->done('TERM');

sub replays($stream, %o) {
    my $r = Stentor::Replay->new(dir => $o{dir}, stream => $stream);
    my @starts;

    for my $age (@{ $o{ages} }) {
        push(@starts, $r->make_up(seconds => 12, end => time() - $age,
                                  init => $init, media => $media));
    }

    return ($r, @starts);
}

sub kept($r) { return join(' ', $r->starts()) }

my $size;


my $dir = File::Temp->newdir('stentor-XXXXXX', TMPDIR => 1);
chmod(0755, $dir);
my ($old, @old) = replays('live/a/b', dir => "$dir",
                          ages => [5000, 4000, 3000, 200]);
my ($other, @other) = replays('live/c', dir => "$dir", ages => [6000, 100]);
my ($foreign, @foreign) = replays('else/c', dir => "$dir", ages => [6000]);
my ($nested, @nested) = replays('live/nested/d', dir => "$dir",
                                ages => [6000, 100]);

# one that somebody has put something of his own into
my ($mixed, @mixed) = replays('live/mixed', dir => "$dir", ages => [5500]);
my $extra = $mixed->path($mixed[0]) . '/extra';
mkdir($extra) or die "$extra: $!\n";

# one that is to be ended later, and is of some size
my $waiting = Stentor::Replay->new(dir => $dir, stream => 'live/nested/e');
my ($waits) = $waiting->make_up(seconds => 600, end => time() - 100,
                                init => $init, media => $media);
mkdir("$dir/live/notes");
Stentor::Node::spew("$dir/live/notes/mine.txt", 'hands off');

my %below = (stentor =>
             "application live/nested { replay $dir end=2h keep=30d; }");
my $node = Stentor::Node->new(window => '8s', linger => '1s', %below,
    expected => qr/cannot\ be\ removed/x,
    application => "replay $dir keep=1h end=10s;");

ok($node->wait_until(sub {
    return kept($old) eq "@old[2, 3]" && kept($other) eq $other[1];
}, 30), 'those that are too old are removed');
is(kept($foreign), $foreign[0], 'not those of other applications');
is(kept($nested), "@nested", 'be they below the same directory');
is($nested->playlist('audio', $_), undef, 'which are not ended, either')
    for @nested;
ok(-e "$dir/live/notes/mine.txt", 'nor what is no replay');
ok($node->wait_until(sub {
    return $node->log() =~ /\[crit\].*live\/mixed.*cannot be removed/;
}, 30), 'one that cannot be removed is told of');
ok(-e $mixed->path($mixed[0]) . '/.plan', 'what is left of it is known');
ok(!-e $mixed->path($mixed[0]) . '/audio.m4a', 'there is as little as may be');
is($node->status()->{replay}{removed}, 3, 'they are counted');
rmdir($extra) or die "$extra: $!\n";
ok($node->wait_until(sub { kept($mixed) eq '' }, 30),
   'it is tried again: removed');
my @told = $node->log() =~ /(cannot be removed)/g;
is(scalar(@told), 1, 'told of once');

# between two sweeps, which the end of something that is too old tells of

sub swept() {
    my ($r) = replays('live/old', dir => "$dir", ages => [5000]);
    ok($node->wait_until(sub { kept($r) eq '' }, 30), 'it sweeps');
    my $read = 0;
    $read += (Stentor::Node::slurp("/proc/$_/io") =~ /^rchar: (\d+)/)[0]
        for $node->worker_pids();
    return $read;
}

$size = -swept() + swept();
cmp_ok($size, '<', (-s $waiting->path($waits) . '/audio.m4a') / 4,
       "what waits for its end is not read each time: $size");
is($waiting->playlist('audio', $waits), undef, 'it still waits');

# what is being written stays, and what is left is not too much
$b = broadcaster($node, media => $media);
my $r = Stentor::Replay->new(dir => $dir);
$node->wait_until(sub { $r->playlist() });
$node->stop('TERM');

$size = -s $old->path($old[3]) . '/audio.m4a';
my $small = Stentor::Node->new(window => '8s', linger => '1s', %below,
    application => "replay $dir end=60s max_size=" . int(1.5 * $size) . ';');
$b = broadcaster($small, media => $media);
ok($small->wait_until(sub {
    return kept($old) eq '' && kept($other) eq $other[1];
}, 30), 'too much: the oldest are removed');
is(scalar($r->starts()), 1, 'not what is being written');
is($small->status()->{replay}{removed}, 2, 'they are counted');

# --- names that mean something else there

my $latest = Stentor::Broadcaster->start(port => $small->port_rtmp(),
    media => $media, name => 'studio1/latest');
$small->wait_stream('live/studio1/latest', sub ($st) {
    return $st && $st->{state} eq 'live';
});
my $hidden = broadcaster($small, media => $media, name => '.hidden');
my $n = $small->stream('live/studio1')->{parts};
$small->wait_stream('live/studio1', sub ($st) { $st->{parts} > $n + 5 });
is($small->stream('live/studio1/latest')->{replay}, 'off',
   'a stream called "latest" is not written');
is($small->stream('live/.hidden')->{replay}, 'off',
   'nor one whose name begins with a dot');
ok(!-e "$dir/live/.hidden", 'it has no directory');
$_->stop() for $b, $latest, $hidden;
$small->done('TERM');

# --- a directory that is not there yet: told before it is needed

my $missing = Stentor::Node->new(expected => qr/"replay" is not there/,
    application => "stream conf; replay $dir/later;");

for (['failing', 'a directory is not there', sub { mkdir("$dir/later") }],
     ['waiting', 'now it is', sub { 1 }])
{
    my ($state, $what, $then) = @$_;
    ok($missing->wait_stream('live/conf', sub ($st) {
        return $st && $st->{replay} eq $state;
    }), $what);
    $then->();
}

is($missing->status()->{replay}{failing}, 0, 'nothing fails any more');
$missing->done('TERM');

# --- what nginx -t says

sub nginx_t($replay) {
    return Stentor::Node->check(application => "$replay;");
}

for (['replay /a end=0', 'at least 1s'], ['replay /a end=x', 'end=x'],
     ['replay /a keep=0', 'keep=0'], ['replay /a max_size=-1', 'max_size'],
     ['replay /a fsync=maybe', 'fsync=maybe'], ['replay /a what', 'what'],
     ['replay', 'invalid number of arguments'],
     ['replay /a; replay /b', 'is duplicate'])
{
    my ($rc, $said) = nginx_t($_->[0]);
    is($rc, 1, "refused: $_->[0]");
    like($said, qr/\Q$_->[1]\E/, 'with the reason');
}

for ('replay /a', 'replay rel', 'replay /a end=1s keep=30d max_size=1g'
     . ' fsync=off trim_silence')
{
    is((nginx_t($_))[0], 0, "taken: $_");
}

$node->done();
done_testing();
