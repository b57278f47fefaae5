#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# Players that we did not write ride through an evening without a reload:
# ffmpeg hears hold audio, the broadcaster, hold audio and him again, and goes
# on when he comes back with other parameters; hls.js in Chromium does so over
# each of these changes.  (Whether other parameters sound right is for
# formats_players.t: ffmpeg's own demuxer passes over a second init segment.)

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Stentor::Kit;
use Stentor::Ear;

use File::Temp ();


need('ffmpeg');
need_page();

my $top = $Stentor::Node::TOP;

my %TONES = (hold => 330, live => 880);
my $stereo = Stentor::Media::fixture(freq => $TONES{live});
my $mono = Stentor::Media::fixture(freq => $TONES{live}, rate => 44100,
                                   channels => 1);

my $files = File::Temp->newdir('stentor-XXXXXX', TMPDIR => 1);
chmod(0755, $files);

system('ffmpeg', '-hide_banner', '-nostats', '-loglevel', 'error', '-y',
       '-f', 'lavfi', '-i', "sine=frequency=$TONES{hold}:duration=8",
       "$files/hold.wav") == 0 or die "ffmpeg makes no hold audio\n";

my $node = Stentor::Node->new(window => '15s', linger => '60s',
    application => "hold $files/hold.wav; stream studio1;",
    http => "include /etc/nginx/mime.types;",
    http_server => "location / { root $top/build/html; }");

$node->wait_stream('live/studio1', sub ($st) {
    return $st && $st->{state} eq 'hold';
});

my $dir = $node->dir();
my $pid = fork() // die "fork: $!\n";

if ($pid == 0) {
    open(STDERR, '>', "$dir/ffmpeg.out");
    exec('ffmpeg', '-hide_banner', '-nostats', '-loglevel', 'warning',
         '-nostdin', '-i', $node->url('/live/studio1/index.m3u8'),
         '-ac', 1, '-ar', 8000, '-f', 's16le', '-flush_packets', 1,
         "$dir/heard.pcm") or POSIX::_exit(127);
}


# What ffmpeg has heard so far: all that lasted for a while.

sub heard_so_far() {
    return Stentor::Ear->order(Stentor::Node::slurp("$dir/heard.pcm") // '',
                               \%TONES);
}


sub hears($want, $what) {
    my $got = '';

    ok($node->wait_until(sub { ($got = heard_so_far()) eq $want },
                         3 * $Stentor::Node::PATIENCE), "ffmpeg $what")
        or diag($got, "\n", Stentor::Node::slurp("$dir/ffmpeg.out"));
}


# A browser plays, something happens, and it hears what follows: in the same
# page, without a reload.

sub browser_hears($kind, $happens, $what) {
    open(my $out, '-|', 'node', "$top/t/browser/listen.js",
         $node->url('/?stream=live/studio1'), $TONES{$kind})
        or die "node: $!\n";

    my $said = '';
    my $done;

    while (my $line = readline($out)) {
        $said .= $line;

        if (!$done && $line =~ /^# \d+ (?:live|hold)/) {
            $happens->();
            $done = 1;
        }
    }

    ok(close($out) && $done, "hls.js $what") or diag($said);
}


my $b;

hears('hold', 'hears hold audio before anybody comes');
browser_hears('live', sub { $b = broadcaster($node, media => $stereo) },
              'goes on from hold audio to the broadcaster');
hears('hold live', 'hears him, too');
browser_hears('hold', sub { $b->kill_it() },
              'goes on from him to hold audio when he is killed');
hears('hold live hold', 'hears that, too');
browser_hears('live', sub { $b = broadcaster($node, media => $stereo) },
              'and to him again');
hears('hold live hold live', 'hears him again');

is($node->stream('live/studio1')->{repairs}{formats}, 0,
   'all without a discontinuity');

browser_hears('live', sub { $b = broadcaster($node, media => $mono) },
              'goes on when he sends 44.1 kHz mono');
is($node->stream('live/studio1')->{repairs}{formats}, 1,
   'which is another format');
is(waitpid($pid, POSIX::WNOHANG()), 0, 'ffmpeg still plays');

my $size = -s "$dir/heard.pcm";
ok($node->wait_until(sub { return -s "$dir/heard.pcm" > $size + 16000; }, 20),
   'and has more to hear');

kill('INT', $pid);
waitpid($pid, 0);
$b->stop();
$node->done('TERM');
done_testing();
