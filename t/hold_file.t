#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# Files for hold audio as nginx -t sees them: what cannot be played is refused
# before it is needed, with its name and why.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Stentor::Kit;

use File::Temp ();


need('ffmpeg');

my $dir = File::Temp->newdir('stentor-XXXXXX', TMPDIR => 1);


sub make($name, $source, @options) {
    my @cmd = ('ffmpeg', '-hide_banner', '-nostats', '-loglevel', 'error',
               '-y', '-f', 'lavfi', '-i', $source, @options, "$dir/$name");

    system(@cmd) == 0 or die "ffmpeg makes no $name: $?\n";
    return Stentor::Node::slurp("$dir/$name");
}


sub spew($name, $bytes) { Stentor::Node::spew("$dir/$name", $bytes) }


my $SINE = 'sine=frequency=400:duration=3';

make('good.wav', $SINE);
make('good.flac', $SINE);
make('good.mp3', $SINE);
make('good.ogg', $SINE, '-c:a', 'libvorbis');
make('good.aac', $SINE, '-f', 'adts');
make('good.mka', $SINE);
make('least.wav', 'sine=frequency=400:duration=0.51');
my $m4a = make('good.m4a', $SINE);

spew('empty', '');
spew('text.mp3', "no music\n" x 1000);
spew('noise.wav', join('', map { chr((7 * $_ * $_ + 31 * $_) % 251) }
                       1 .. 30_000));
spew('cut.m4a', substr($m4a, 0, length($m4a) / 2));
spew('cut.wav', substr(Stentor::Node::slurp("$dir/good.wav"), 0, 60_000));
make('silent.wav', 'anullsrc=duration=2');
make('short.wav', 'sine=frequency=400:duration=0.3');
make('picture.png', 'testsrc=duration=1', '-frames:v', 1);
make('video.mp4', 'testsrc=duration=1', '-an');
mkdir("$dir/folder");


sub check($file, $directive = "hold $file;") {
    return Stentor::Node->check(application => $directive);
}


for my $name (qw(good.wav good.flac good.mp3 good.ogg good.aac good.mka
                 good.m4a least.wav))
{
    my ($rc, $said) = check("$dir/$name");
    is($rc, 0, "taken: $name") or diag($said);
}

for my $case (
    ['none.wav', qr/No such file/, qr/cannot be read/],
    ['folder', qr//, qr/cannot be read/],
    ['empty', qr//, qr/is empty|is not an audio file/],
    ['text.mp3', qr//, qr/is not an audio file|broken/],
    ['noise.wav', qr//, qr/is not an audio file|broken/],
    ['cut.m4a', qr//, qr/is not an audio file|broken|ends/],
    ['cut.wav', qr//, qr/ends|broken/],
    ['silent.wav', qr//, qr/silence|silent/],
    ['short.wav', qr//, qr/short/],
    ['picture.png', qr//, qr/not an audio file|no audio/],
    ['video.mp4', qr//, qr/not an audio file|no audio/],
) {
    my ($name, @reasons) = @$case;
    my ($rc, $said) = check("$dir/$name");

    is($rc, 1, "refused: $name");
    like($said, qr/\[emerg\].*hold audio "\Q$dir\E\/$name" .*nginx\.conf:\d+/,
         'with its name and its line');
    like($said, $_, 'and the reason') for @reasons;
    is(join("\n", grep { !/^nginx: / } split(/\n/, $said)), '',
       'in words of nginx alone');

    ($rc, $said) = check($name, "stream one hold=$dir/$name;");
    is($rc, 1, "refused for a stream: $name");
}

is((check('', 'stream one hold=;'))[0], 1, 'refused: no name');
like((check('', "hold $dir/good.wav; hold $dir/good.mp3;"))[1],
     qr/"hold" directive is duplicate/, 'refused: two files');

my ($rc, $said) = check('none.wav');
like($said, qr/hold audio "[^"]*\/stentor-[^"\/]*\/none\.wav" cannot be read/,
     'a relative name is below the directory of nginx.conf');

done_testing();
