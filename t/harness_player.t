#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# The player and the witness: a recorded stretch of a real stream is played to
# them again, first as it was and then wrong in one place each.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use File::Temp ();

use Stentor::Kit;
use Stentor::Evening;
use Stentor::Player;
use Stentor::Verdict;
use Stentor::Witness;


need('ffmpeg');

my ($node, $b) = on_air(workers => 2, reuseport => 1);
my $dir = File::Temp->newdir();
my %player = (playlist => '/live/studio1/audio.m3u8', dir => "$dir");


# --- as it is

my @log;
my $p = Stentor::Player->new(%player, fetch => sub ($path) {
    my $r = $node->get($path);
    push(@log, [ $path, $r ]);
    return $r;
});

$p->step() for 1 .. 16;
my $r = $p->report();

conforms('a real stream', @{ $r->{violations} });
cmp_ok(scalar(@{ $r->{parts} }), '>', 20, 'parts are taken');
cmp_ok($r->{segments}, '>', 3, 'segments are added up');
cmp_ok(abs($r->{extinf} - $r->{media}), '<', $r->{segments} * 5e-6 + 1e-9,
       'EXTINF is what the media are');
is(scalar(@{ $r->{files} }), 1, 'one file is kept');

my $tone = Stentor::Media::tone(Stentor::Media::decode(
    Stentor::Node::slurp($r->{files}[0]{path})), 8000);
ok(defined $tone, 'which can be heard');


# --- the same again, through a hand that may change it

my ($init) = map { $_->[1] } grep { $_->[0] =~ /init-/ } @log;


# Plays the recording through change->(path, answer), which changes a copy or
# returns another answer; the report.

sub again($change) {
    my @answers = @log;
    my $p = Stentor::Player->new(%player, name => 'again',
        fetch => sub ($path) {
            return $init if $path =~ /init-x/;

            # a changed playlist may make it ask for less
            shift(@answers) while @answers && $answers[0][0] ne $path
                                  && $answers[0][0] !~ /_HLS_/;

            my $next = shift(@answers) // return undef;
            my %r = %{ $next->[1] };

            return $change->($path, \%r) // \%r;
        });

    eval { $p->step() or last for 1 .. 16; 1 } or diag($@);
    return $p->report();
}


sub wrong($what, $like, $change) {
    my @bad = @{ again($change)->{violations} };
    ok(scalar(grep { $_ =~ $like } @bad), $what)
        or diag(join("\n", 'found:', @bad[0 .. ($#bad > 5 ? 5 : $#bad)]));
}


# Changes the body of the nth media part or of each playlist.

sub part($n, $edit) {
    my $seen = 0;

    return sub ($path, $r) {
        return if $path !~ /\.\d+\.m4s$/ || $seen++ != $n;
        local $_ = $r->{body};
        $edit->();
        $r->{body} = $_;
        return;
    };
}


sub playlists($edit) {
    return sub ($path, $r) {
        return if $path !~ /m3u8/;
        local $_ = $r->{text};
        $edit->();
        $r->{text} = $r->{body} = $_;
        return;
    };
}


my $same = again(sub ($path, $r) { return });
conforms('played again', @{ $same->{violations} });
is_deeply($same->{urls}, $r->{urls}, 'it is the same');

# the segment in the middle of what was recorded
my ($mid) = map { $_->{msn} } grep { $_->{part} == 0 }
            @{ $r->{parts} }[20 .. $#{ $r->{parts} }];

wrong('a tfdt one sample late', qr/tfdt \d+, not/, part(7, sub {
    s/(?<=tfdt\x01\x00\x00\x00)(.{8})/pack('Q>', unpack('Q>', $1) + 1)/es
        or die "no tfdt\n";
}));
wrong('a part that was there before', qr/mfhd|tfdt/, part(7, sub {
    $_ = (grep { $_->[0] =~ /\.\d+\.m4s$/ } @log)[3][1]{body};
}));
wrong('half a part', qr/cut|half/, part(7, sub { substr($_, -5, 5, '') }));
wrong('a sequence number that stays', qr/mfhd/, part(7, sub {
    s/(?<=mfhd\x00\x00\x00\x00).{4}/\x00\x00\x00\x01/s or die "no mfhd\n";
}));
wrong('a DURATION in its last digit', qr/DURATION 0.19201, not 0.19200/,
      playlists(sub { s/DURATION=0\.19200/DURATION=0.19201/g }));
wrong('an EXTINF in its last digit', qr/EXTINF 1.15201, not 1.15200/,
      playlists(sub { s/EXTINF:1\.15200/EXTINF:1.15201/g }));
wrong('dates two milliseconds off', qr/date is \d\.\d+ ms off/,
      playlists(sub {
    s/\.(\d{3})Z/sprintf('.%03dZ', $1 % 998 + 2)/ge;
}));
wrong('a part that is not listed', qr/tfdt \d+, not/,
      playlists(sub { s/#EXT-X-PART:[^\n]*$mid\.1\.m4s[^\n]*\n// }));
wrong('a GAP', qr/GAP/, playlists(sub {
    s/($mid\.1\.m4s",INDEPENDENT=YES)/$1,GAP=YES/;
}));
wrong('a segment with a part less', qr/parts taken|EXTINF/, playlists(sub {
    s/#EXT-X-PART:[^\n]*$mid\.5\.m4s[^\n]*\n//;
}));
wrong('a part answered 404', qr/404 for/, sub ($path, $r) {
    return $path =~ /$mid\.2\.m4s/ ? { %$r, status => 404 } : undef;
});
wrong('a playlist answered 503', qr/503 for/, sub ($path, $r) {
    return $path =~ /_HLS_msn=$mid&_HLS_part=2/ ? { %$r, status => 503 }
                                                : undef;
});
wrong('nothing new', qr/nothing new/, sub ($path, $r) {
    return $path =~ /_HLS_msn=$mid&_HLS_part=3/
        ? (grep { $_->[0] =~ /_HLS_msn=$mid&_HLS_part=2/ } @log)[0][1]
        : undef;
});

my $version = Stentor::Playlist::parse($log[0][1]{text});
my $far = Stentor::Player->new(%player);
$far->{last} = [ $version->last_msn() - 1, 5 ];
$far->follows($version->last_msn(), 0, $version);
is($far->{bad}, 0, 'the first part of the next segment follows');
$far->follows($version->last_msn(), 1, $version);
$far->follows($version->last_msn() + 1, 0, $version);
is($far->{bad}, 2, 'the second one does not, nor does one of a later segment');

# reports of another rendition, which stands where this one does
my ($msn, $n) = $version->last_part();


sub reports($m, $n, $others = 1) {
    return Stentor::Player::reports(Stentor::Playlist::parse(
        $version->{text} . '#EXT-X-RENDITION-REPORT:URI="low.m3u8",'
        . "LAST-MSN=$m,LAST-PART=$n\n"), $others);
}


is(reports($msn, $n), 0, 'a report of the same part');
is(reports($msn, $n + 1), 0, 'of the next one');
is(reports($msn, $n + 2), 1, 'of one too far');
is(reports($msn - 1, 5), $n == 0 ? 0 : 1, 'of one too old');
is(reports($msn, $n, 0), 1, 'of nobody');
is(reports($msn, $n, 2), 1, 'not of all');

# a change of parameters: as it should be, without its tag, with a wrong number
my $MAP = qq(#EXT-X-MAP:URI="audio/init-x.mp4"\n);
my $DISC = "#EXT-X-DISCONTINUITY\n";


# Puts lines before the segment in the middle.

sub changed($lines, $more = sub { }) {
    return again(sub ($path, $r) {
        playlists(sub {
            my @segments = split(/(?=#EXT-X-PROGRAM-DATE-TIME)/);
            s{^}{$lines}
                for grep { m{^\S*/$mid\.m4s|PART:.*/$mid\.0\.m4s}m }
                    @segments[1 .. $#segments];
            $_ = join('', @segments);
            $more->();
        })->($path, $r);

        return;
    });
}


my $two = changed($DISC . $MAP);
conforms('DISCONTINUITY and MAP', @{ $two->{violations} });
is(scalar(@{ $two->{discontinuities} }), 1, 'a discontinuity is counted');
is(scalar(@{ $two->{files} }), 2, 'another file is begun');
is(scalar(keys %{ $two->{inits} }), 2, 'with another init segment');

my @bad = @{ changed($MAP)->{violations} };
ok(scalar(grep { /MAP without a DISCONTINUITY/ } @bad),
   'another MAP without a word');

@bad = @{ changed($DISC . $MAP, sub {
    s/(DISCONTINUITY-SEQUENCE):0/$1:1/ if /init-x/;
})->{violations} };
ok(scalar(grep { /discontinuity number/ } @bad),
   'a discontinuity number that jumps');


# --- the witness

my $change = '';
my $w = Stentor::Witness->new(%player, fetch => sub ($path) {
    my %r = %{ $node->get($path) };
    $r{body} .= ' ' if length($change) && $path =~ /\Q$change\E$/;
    return \%r;
});

$w->step() for 1 .. 4;
my $seen = $w->report();
conforms('the witness of a real stream', @{ $seen->{violations} });
cmp_ok($seen->{asked}, '>', 20, 'asks for all that is listed');
cmp_ok($seen->{asked_twice}, '>', 1, 'for some of it twice');

my @segments = grep { m{/\d+\.m4s$} } sort keys %{ $w->{urls} };
$change = $segments[-1];
$w->body($_) for @segments;
is(join(' ', @{ $w->report()->{violations} }), "$change has changed",
   'a body that changes is found');


# --- the verdict on what they report

# A good report, with what is given put in its place; the evening's side.

sub player(%o) {
    my @parts = map { { msn => 5, part => $_, date => 100 + $_, rate => 48000,
                        end => 101 + $_, arrived => 101.01 + $_,
                        samples => 48000, bytes => 16000 } } 0 .. 9;

    return { name => 'audio', bad => 0, errors => 0, reconnects => [],
             versions => 10, parts => \@parts, target => 1, hold_back => 3.2,
             extinf => 10, media => 10, segments => 2, undecoded => 0,
             decoded => 10, complaints => '', discontinuities => [],
             inits => { a => {} }, ended => 111, urls => { a => 1, b => 2 },
             %o };
}


sub failing($p, %o) {
    my $w = delete $o{witness} // {};
    my $v = bless {
        players => [ player(), $p ], checks => [], ears => [],
        witnesses => [ map { { name => "$_-witness", bad => 0, asked => 9,
                               asked_twice => 2, urls => { a => 1, c => 3 },
                               %$w } } 'audio' ],
        e => bless({ kills => [], closed => 110, end_limit => 3,
                     faults => [], opened => 1, first_s => 0.1,
                     t0 => 99, joined => 101, slow => [], %o },
                   'Stentor::Evening'),
    }, 'Stentor::Verdict';

    $v->judge_doors();
    $v->judge_player($p);
    $v->judge_contents();
    $v->judge_kills();
    $v->judge_alignment(1);
    $v->judge_discontinuities();
    $v->judge_end();

    return map { "$_->{name}: $_->{figure}" }
           grep { !$_->{ok} } @{ $v->{checks} };
}


# Changes the good report's parts with the callback.

sub parts($change) {
    my $p = player();
    $change->($_) for @{ $p->{parts} };
    return $p;
}


sub fails($what, $like, $p, %o) {
    my @bad = failing($p, %o);
    ok(@bad && !grep({ $_ !~ $like } @bad), $what)
        or diag(join("\n", 'failing:', @bad));
}


my $kill = { t => 104.3, pid => 7 };

# a machine that was four times slower than alone around 106
my @slow = (slow => [ map { [ $_, $_ > 104 && $_ < 109 ? 4 : 1 ] }
                      95 .. 115 ]);

conforms('a good report', failing(player()));
conforms('and with a worker killed',
         failing(player(reconnects => [ 104.3 ]), kills => [ $kill ]));

fails('a broken rule', qr/rules kept/, player(bad => 1));
fails('an error', qr/errors/, player(errors => 1));
fails('a connection that broke', qr/made again/,
      player(reconnects => [ 104 ]));
fails('a part too late', qr/latest part/,
      parts(sub ($part) { $part->{arrived} += 2.3 if $part->{part} == 6 }));
fails('and much too late on a busy machine', qr/latest part/,
      parts(sub ($part) { $part->{arrived} += 5 if $part->{part} == 6 }),
      @slow);
fails('or when it was not busy', qr/latest part/,
      parts(sub ($part) { $part->{arrived} += 2.3 if $part->{part} == 1 }),
      @slow);
conforms('but not when it was',
         failing(parts(sub ($part) {
             $part->{arrived} += 2.3 if $part->{part} == 6;
         }), @slow));
fails('a part too late after a kill', qr/goes on|latest/,
      parts(sub ($part) { $part->{arrived} += 2.5 if $part->{part} > 3 }),
      kills => [ $kill ]);
fails('none after a kill', qr/goes on/, player(), kills => [
    { t => 110, pid => 7 } ]);
fails('EXTINF that adds up to more', qr/EXTINF/, player(extinf => 10.00002));
fails('a frame that is not decoded', qr/decoded/,
      player(undecoded => 0.06));
fails('a decoder that complains', qr/decoded/, player(complaints => 'x'));
fails('a discontinuity', qr/discontinuities/,
      player(discontinuities => [ {} ]));
fails('none where there should be one', qr/discontinuities/, player(),
      discontinuities => 1);
fails('another init segment', qr/discontinuities/,
      player(inits => { a => {}, b => {} }));
fails('a part that is longer than the others\'', qr/end elsewhere/,
      parts(sub ($part) { $part->{end} += 0.01 if $part->{part} == 4 }));
fails('no ENDLIST', qr/ENDLIST/, player(ended => undef));
fails('ENDLIST too late', qr/ENDLIST/, player(ended => 114));
fails('ENDLIST before the end', qr/ENDLIST/, player(ended => 109));
fails('an opening that takes long', qr/opened/, player(), opened => 6);
fails('a playlist that does', qr/first playlist/, player(), first_s => 6);
fails('other contents', qr/contents/, player(),
      witness => { urls => { a => 2 } });
fails('nothing compared', qr/contents/, player(urls => { b => 1 }),
      witness => { urls => { d => 1 } });
fails('nothing asked for twice', qr/witness/, player(),
      witness => { asked_twice => 0 });
fails('a rule that a witness saw broken', qr/witness/, player(),
      witness => { bad => 1 });


# --- over the death of its worker, and in a process of its own

my $owner = $node->stream('live/studio1')->{owner_pid};
my $victim;

for my $try (1 .. 100) {
    $p = Stentor::Player->new(%player, port => $node->port_http(),
                              name => 'kept');
    $p->step();
    $victim = $p->get($player{playlist})->{headers}{'x-worker'};
    last if $victim != $owner;
}

isnt($victim, $owner, 'a player of the other worker');
my $forked = Stentor::Player->start(%player, port => $node->port_http(),
                                    name => 'forked');
$node->kill_worker('KILL', $victim);

$p->step() for 1 .. 12;
conforms('whose worker is killed', @{ $p->report()->{violations} });
cmp_ok(scalar(@{ $p->{parts} }), '>', 24, 'it goes on');
cmp_ok(scalar(@{ $p->{reconnects} }), '>', 0, 'on another connection');

$r = $forked->join(0);
conforms('one in a process of its own', @{ $r->{violations} });
cmp_ok(scalar(@{ $r->{parts} }), '>', 24, 'has a report');

$b->stop();
$node->done('TERM');
done_testing();
