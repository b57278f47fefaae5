#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# Broadcasters with other audio parameters on a stream that is passed through:
# it goes on with each of them, after a discontinuity.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Stentor::Kit;
use Stentor::Ear;
use Stentor::Player;
use Stentor::Witness;

use File::Temp ();
use List::Util qw(max min);


need('ffmpeg');

my $dir = File::Temp->newdir('stentor-XXXXXX', TMPDIR => 1);
my $URL = '/live/studio1';

# HE-AAC by its name: an AAC-LC core at half the rate, without SBR data
my $core = Stentor::Media::fixture(freq => 660, rate => 24000);
my %MEDIA = (
    48 => Stentor::Media::fixture(freq => 440),
    44 => Stentor::Media::fixture(freq => 880, rate => 44100, channels => 1),
    he => { %$core, asc => pack('B*', '00101' . '0110' . '0010' . '0011'
                                      . '00010' . '000' . '0' x 7),
            rate => 48000, samples => 2048 },
);


sub start($node, $kind, %o) {
    return Stentor::Broadcaster->start(port => $node->port_rtmp(),
                                       media => $MEDIA{$kind}, %o);
}


sub heard_by($node, $class, $name, $stream) {
    return $class->start(port => $node->port_http(), dir => "$dir",
                         playlist => "/live/$stream/audio.m3u8",
                         name => "$name-$stream");
}


# The playlist that says that the next segment has another init segment.

sub announced($node, $stream = 'studio1') {
    my $c = $node->http();
    my $p = playlist($node, $stream);

    for (1 .. 60) {
        my ($map) = grep { $_->{TYPE} eq 'MAP' } @{ $p->{hints} };
        return ($p, $map->{URI}) if $map;

        my ($msn, $part) = $p->next_part();
        $c->request('GET', "/live/$stream/audio.m3u8?_HLS_msn=$msn"
                           . "&_HLS_part=$part");
        my $r = $c->response() // last;
        $p = Stentor::Playlist::parse($r->{text});
    }

    die "no other init segment is announced\n";
}


sub formats_are($node, $n, $what) {
    my $frames;

    return ok($node->wait_stream('live/studio1', sub ($st) {
        return 0 if $st->{repairs}{formats} < $n;
        $frames //= $st->{repairs}{live_frames};
        return $st->{repairs}{formats} == $n
               && $st->{repairs}{live_frames} > $frames + 12;
    }, $Stentor::Node::PATIENCE, $what), $what);
}


# parts long enough to look between the last of one format and the first of
# the next, which has waited while he settled
my $node = Stentor::Node->new(part_duration => '500ms', segment_parts => 2,
                              window => '9s', linger => '30s');
my $b = broadcaster($node, media => $MEDIA{48});
my $player = heard_by($node, 'Stentor::Player', 'player', 'studio1');
my $witness = heard_by($node, 'Stentor::Witness', 'witness', 'studio1');

# --- another one comes, who sends 44.1 kHz mono

my $first = $node->stream('live/studio1')->{parts};
$node->wait_stream('live/studio1', sub ($st) { $st->{parts} >= $first + 3 });

my $before = playlist($node);
my $next = start($node, 44);
my ($p, $map) = announced($node);
my ($msn) = $p->next_part();
my $short = $p->segment($msn - 1);
my $n = @{ $short->{parts} };

is(join(' ', map { $_->{TYPE} } @{ $p->{hints} }), 'MAP PART',
   'the other init segment is announced, before the part that needs it');
isnt($map, $before->{map}, 'it is another one');
isnt($before->{map}, undef, 'than the one before');
is(scalar(@{ $p->{open}{parts} }), 0, 'no part needs it yet');

# all that may be asked for at this moment
my %ask = (
    map => $map,
    part => $p->{hints}[1]{URI},
    whole => $short->{uri},
    behind => "audio.m3u8?_HLS_msn=@{[ $msn - 1 ]}&_HLS_part=$n",
    far => "audio.m3u8?_HLS_msn=@{[ $msn - 1 ]}&_HLS_part=@{[ $n + 2 ]}",
    next => "audio.m3u8?_HLS_msn=$msn&_HLS_part=0",
    delta => "audio.m3u8?_HLS_msn=$msn&_HLS_part=0&_HLS_skip=YES",
    last => "audio.m3u8?_HLS_msn=@{[ $msn - 1 ]}&_HLS_part=@{[ $n - 1 ]}",
);
my @names = sort keys %ask;
my @c = map { my $c = $node->http(); $c->request('GET', "$URL/$_"); $c }
        @ask{@names};
my %r;
@r{@names} = Stentor::HTTP::wait_all(\@c);

is($r{$_} ? $r{$_}{status} : 'none', 200, "asked for then: $_") for @names;
is($r{$_}{text}, $r{next}{text}, "$_ is the version with the next part")
    for qw(behind far);
is(Stentor::Playlist::parse($r{last}{text})->last_msn(), $msn - 1,
   'what is there already is answered at once');

my $after = Stentor::Playlist::parse($r{next}{text});
my $seg = $after->segment($msn);
is($seg->{map}, $map, 'the next segment has what was announced');
ok($seg->{disc}, 'and follows a discontinuity');
is($seg->{parts}[0]{URI}, $ask{part}, 'and the part that was hinted');
conforms('it conforms', Stentor::Conformance::check($after));
conforms('so does the pair', Stentor::Conformance::check_pair($p, $after));
conforms('and the delta', Stentor::Conformance::check_delta($after,
         Stentor::Playlist::parse($r{delta}{text})));

my $init = Stentor::Media::init($r{map}{body});
is($init->{timescale}, 44100, 'the init segment is of the new rate');
is($init->{asc}, $MEDIA{44}{asc}, 'and has his configuration');
my ($f) = Stentor::Media::fragments($r{part}{body}, $init);
my $end = $short->{pdt_ms} + 1000 * $short->{duration};
cmp_ok(abs($f->{tfdt} / 44.1 - $end), '<', 1, 'its clock goes on');

ok($b->closed(5), 'the one before is sent away');
formats_are($node, 1, 'a change is counted');

# --- back again, and then HE-AAC

$b = start($node, 48);
($p, $map) = announced($node);
is($map, $before->{map}, 'the first format again: the same init segment');
formats_are($node, 2, 'another change');
ok($next->closed(5), 'the one before is sent away');

$next = start($node, 'he');
($p, $map) = announced($node);
formats_are($node, 3, 'HE-AAC is another');
$init = Stentor::Media::init(
    (fetch_all($node, "$URL/$map"))[0]);
is($init->{timescale}, 48000, 'it has the rate of what is heard');

my ($index) = fetch_all($node, "$URL/index.m3u8");
like($index, qr/CODECS="(?:mp4a\.40\.2,mp4a\.40\.5|mp4a\.40\.5,mp4a\.40\.2)"/,
     'the multivariant playlist names both codecs');

# --- in the middle of a session

$next->stop();
my $s = Stentor::RTMP->open(port => $node->port_rtmp(), name => 'early',
                            asc => $MEDIA{48}{asc});
$s->config($MEDIA{44}{asc});
$s->frames($MEDIA{44}{frames}, 0, 60, rate => 44100);
ok($node->wait_stream('live/early', sub ($st) { $st && $st->{parts} > 16 }),
   'he corrects himself before he sends');
my ($frames, $i) = heard($node, 'early');
is($i->{asc}, $MEDIA{44}{asc}, 'and is taken at his second word');
conforms('parts are as long as they may be',
         Stentor::Conformance::check(playlist($node, 'early')));

is($node->stream('live/early')->{repairs}{formats}, 0, 'without a change');
$s->close();

$s = Stentor::RTMP->open(port => $node->port_rtmp(), asc => $MEDIA{48}{asc});
$s->frames($MEDIA{48}{frames}, 0, 100);
formats_are($node, 4, 'a session in the first format');
$s->config($MEDIA{44}{asc}, 2134);
$s->frames($MEDIA{44}{frames}, 0, 100, rate => 44100, ts => 2134);
formats_are($node, 5, 'which changes on its way');
$s->close();

# --- who cannot be carried changes nothing

$b = broadcaster($node, media => $MEDIA{44});
my $formats = $node->stream('live/studio1')->{repairs}{formats};

for my $case (
    ['MP3', "\x2f" . 'x' x 400, qr/MP3/],
    ['xHE-AAC', "\xaf\x00" . "\xf9\x46\x40\x00", qr/AAC/],
    ['frames longer than a part', "\xaf\x00" . pack('B*',
        '00010' . '1111' . sprintf('%024b', 4800) . '0001' . '000'),
     qr/AAC|longer/],
    ['half a configuration', "\xaf\x00\x11", qr/AAC/],
) {
    my ($what, $body, $reason) = @$case;
    my $other = Stentor::RTMP->open(port => $node->port_rtmp());
    $other->audio($body, 0);
    my $info = $other->on_status() // {};
    like(($info->{code} // '') . ' ' . ($info->{description} // ''), $reason,
         "$what: refused with a reason");
    $other->close();
}

my $parts = $node->stream('live/studio1')->{parts};
$node->wait_stream('live/studio1', sub ($st) { $st->{parts} >= $parts + 3 });
is($node->stream('live/studio1')->{state}, 'live', 'he is still live');
ok(!$b->closed(0.01), 'and was not disturbed');
is($node->stream('live/studio1')->{repairs}{formats}, $formats,
   'nothing has changed');

# --- all of it as it was heard

# until all discontinuities but the last have left the playlist
ok($node->wait_until(sub {
    return playlist($node)->{text} !~ /^#EXT-X-DISCONTINUITY$/m;
}, 20), 'they leave the playlist');

my $heard = $player->join(0);
my $seen = $witness->join(0);
conforms('one programme through all of it', @{ $heard->{violations} });
conforms('for who comes later, too', @{ $seen->{violations} });

my %differ = map { $_ => 1 } grep { $heard->{urls}{$_} ne $seen->{urls}{$_} }
             grep { exists $seen->{urls}{$_} } keys %{ $heard->{urls} };
is(join(' ', keys %differ), '', 'both got the same');

my @off = map { abs($_->{off}) } @{ $heard->{discontinuities} };
is(scalar(@off), $formats, 'a discontinuity for each change');
cmp_ok(max(0, @off), '<', 0.001, 'the clock goes on over each of them');

# each broadcaster is heard in his section, but for hold audio
my %TONES = (48 => 440, 44 => 880, he => 660);
my @sections = map {
    my $ear = Stentor::Ear->new(tones => \%TONES, marked => 'none');
    $ear->hear($_->{path}, 0);
    my %what = map { $_->{what} => 1 } grep { $_->{to} - $_->{from} > 0.2 }
               $ear->runs();
    join('+', grep { $_ ne 'chord' } sort keys %what);
} @{ $heard->{files} };
is(join(' ', @sections), '48 44 48 he 48 44', 'each of them is heard');

$b->stop();
$node->done('TERM');
done_testing();
