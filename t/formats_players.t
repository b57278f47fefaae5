#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# Players that we did not write, over changes of the audio parameters: hls.js
# in Chromium and GStreamer hear all of it.  (ffmpeg's own demuxer passes over
# any init segment but its first, and so does mpv.)

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Stentor::Kit;
use Stentor::Ear;


need(qw(ffmpeg gst-launch-1.0 timeout));
need_page();

my $top = $Stentor::Node::TOP;

my %TONES = (first => 440, second => 880);
my %MEDIA = (
    first => Stentor::Media::fixture(freq => $TONES{first}),
    second => Stentor::Media::fixture(freq => $TONES{second}, rate => 44100,
                                      channels => 1),
);

my ($node, $b) = on_air(window => '10s', linger => '30s',
    http => "include /etc/nginx/mime.types;",
    http_server => "location / { root $top/build/html; }",
    broadcaster => { media => $MEDIA{first} });
my $dir = $node->dir();
my $url = $node->url('/live/studio1/index.m3u8');
my $raw = 'audio/x-raw,format=S16LE,rate=8000,channels=1,layout=interleaved';
my $gst = "timeout -s INT 60 gst-launch-1.0 -q playbin3 uri=$url flags=audio"
    . " audio-sink='audioconvert ! audioresample ! $raw"
    . " ! filesink buffer-mode=unbuffered location=$dir/heard.pcm'";

my $pid = fork() // die "fork: $!\n";

if ($pid == 0) {
    open(STDOUT, '>', "$dir/gstreamer.out");
    open(STDERR, '>&', \*STDOUT);
    exec('sh', '-c', "exec $gst") or POSIX::_exit(127);
}


# What GStreamer has heard so far: all that lasted for a while.

sub heard_so_far() {
    return Stentor::Ear->order(Stentor::Node::slurp("$dir/heard.pcm") // '',
                               \%TONES);
}


sub hears($want, $what) {
    my $got = '';

    ok($node->wait_until(sub { ($got = heard_so_far()) =~ $want },
                         2 * $Stentor::Node::PATIENCE), "GStreamer $what")
        or diag($got, "\n", Stentor::Node::slurp("$dir/gstreamer.out"));
}


# A browser listens, he changes to those parameters, and his tone is heard.

sub browser_hears($kind, $what) {
    my $page = $node->url('/?stream=live/studio1');
    open(my $out, '-|', 'node', "$top/t/browser/listen.js", $page,
         $TONES{$kind}) or die "node: $!\n";

    my $said = '';
    my $new;

    while (my $line = readline($out)) {
        $said .= $line;
        $new //= broadcaster($node, media => $MEDIA{$kind})
            if $line =~ /^# \d+ live/;
    }

    ok(close($out), "hls.js $what") or diag($said);
    return $new;
}


hears(qr/^first$/, 'plays');
my $second = browser_hears('second', 'goes on in the second format');
my $third = browser_hears('first', 'and in the first again');
hears(qr/^first second first$/, 'hears both changes');
is($node->stream('live/studio1')->{repairs}{formats}, 2, 'there were two');
is(waitpid($pid, POSIX::WNOHANG()), 0, 'GStreamer still plays');

kill('INT', $pid);
waitpid($pid, 0);
$third->stop();
$node->done('TERM');
done_testing();
