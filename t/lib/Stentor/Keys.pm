# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# Key files as scripts/stream-key makes them, broadcasters who knock with what
# is in them (each from an address of its own, for failures are counted by
# address), and the test that nothing secret of it was told anywhere.

package Stentor::Keys;

use v5.36;

use Digest::MD5 qw(md5_base64);
use Exporter qw(import);
use Test::More ();

use Stentor::Node;
use Stentor::RTMP;

our @EXPORT = qw(new_secret new_static new_user new_passphrase sign_key
                 key_file knock let_in refusal_of dialogue adobe_answer
                 an_address told_nowhere);

my %secret;


# --- what the tool makes

# Runs it; dies when it refuses.

sub made(@arguments) {
    open(my $f, '-|', "$Stentor::Node::TOP/scripts/stream-key", @arguments)
        or die "stream-key: $!\n";
    my $said = join('', <$f>);
    close($f) or die "stream-key @arguments: $said\n";

    return $said;
}


# One thing that it has printed, which is never to be seen again.

sub found($said, $regex) {
    my ($value) = $said =~ $regex or die "not in: $said\n";
    $secret{$value} = 1;
    return $value;
}


sub line($said, $word) {
    my ($line) = $said =~ /^  (\Q$word\E .*)$/m or die "no line: $said\n";
    return $line;
}


# {line: of a key file, value}

sub new_secret() {
    my $said = made('secret');
    return { line => line($said, 'secret'),
             value => found($said, qr/^  secret (\S+)$/m) };
}


sub new_static($stream) {
    my $said = made('static', $stream);
    found($said, qr/^  key \S+ \w+:(\w+)$/m);

    return { line => line($said, 'key'),
             value => found($said, qr/[?]key=(\w+)$/m) };
}


# {line, name, value: his password}

sub new_user($name, @streams) {
    my $said = made('user', $name, @streams);
    found($said, qr/^  user \S+ \w+:(\S+)/m);

    return { line => line($said, 'user'), name => $name,
             value => found($said, qr/^  Password: +(\S+)$/m) };
}


sub new_passphrase($stream) {
    my $said = made('passphrase', $stream);
    return { line => line($said, 'passphrase'),
             value => found($said, qr/^  Password: +(\S+)$/m) };
}


# "exp=...&sig=..." by the first secret of a key file.

sub sign_key($file, $stream, $expires = '1h') {
    my $said = made('sign', $stream, '--secret-file', $file,
                    '--expires', $expires);
    my ($query, $sig) = $said =~ /[?](exp=\d+&sig=(\w+))$/m
        or die "not in: $said\n";
    $secret{$sig} = 1;

    return $query;
}


# Writes a key file of lines; returns its path.

sub key_file($path, @lines) {
    Stentor::Node::spew($path, join('', map { "$_\n" } @lines));
    chmod(0600, $path);
    return $path;
}


# --- who knocks by RTMP

# An address of this host that nobody had before.

sub an_address() {
    state $n = 10;
    return '127.0.0.' . $n++;
}


# knock(node, name, app => 'live', from => address): the session, as far as
# it came, and what it was told, {level, code, description}.

sub knock($node, $name, %o) {
    my $app = $o{app} // 'live';
    my $s = Stentor::RTMP->connect(port => $node->port_rtmp(), name => $name,
                                   from => $o{from} // an_address());

    $s->handshake();
    $s->set_chunk_size(4096);

    my $v = $s->ask_connect($app) // [];
    return ($s, $v->[3] // { code => 'nothing' })
        if ($v->[0] // '') ne '_result';

    return ($s, $s->ask_publish($name) // { code => 'nothing' });
}


# A test: he is let in.  Returns the session.

sub let_in($node, $name, $what, %o) {
    my ($s, $said) = knock($node, $name, %o);

    Test::More::is($said->{code}, 'NetStream.Publish.Start', $what)
        or Test::More::diag($said->{description});
    return $s;
}


# What one who is refused was told, "level code description"; he is gone then.

sub refusal_of($node, $name, %o) {
    my ($s, $said) = knock($node, $name, %o);

    $s->finish();
    return join(' ', map { $said->{$_} // '' } qw(level code description));
}


# --- "authmod=adobe", as encoders have it

# What an application's query has to be, when the server's description of a
# refused connect was that; a challenge is answered with a password.

sub adobe_answer($description, $user, $password) {
    my %field = $description =~ /(\w+)=([^&\s]*)/g;
    my $query = "authmod=adobe&user=$user";

    return $query if !defined $field{challenge};

    my $hash = md5_base64($user . $field{salt} . $password) . '==';
    my $response = md5_base64("$hash$field{opaque}c11e47") . '==';

    $secret{$response} = 1;
    $secret{ $field{challenge} } = 1;

    return "$query&challenge=c11e47&response=$response"
           . "&opaque=$field{opaque}";
}


# The whole dialogue: connects until it is let in or told something else.
# (the last session, [what each connect was told]); the last of which is empty
# when it is let in.

sub dialogue($node, $app, $user, $password, %o) {
    my ($s, $query, @said);
    my $from = $o{from} // an_address();

    for (1 .. 3) {
        $s = Stentor::RTMP->connect(port => $node->port_rtmp(),
                                    from => $from);
        $s->handshake();
        $s->set_chunk_size(4096);

        my $v = $s->ask_connect($app . (defined $query ? "?$query" : ''))
            // die "connect is not answered\n";
        push(@said, $v->[0] eq '_result' ? '' : $v->[3]{description});

        last if $said[-1] !~ /need ?auth/;

        $query = adobe_answer($said[-1], $user, $password);
        $s->finish();
    }

    return ($s, \@said);
}


# --- words

# Whatever was made here is in no log, no status and no metric.

sub told_nowhere($node, @more) {
    my $words = $node->log() . $node->stderr()
                . (Stentor::Node::slurp($node->dir() . '/access.log') // '')
                . $node->get('/status')->{body}
                . $node->get('/metrics')->{body};
    my @told = grep { index(lc($words), lc($_)) >= 0 } keys %secret, @more;

    Test::More::cmp_ok(scalar(keys %secret), '>', 2, 'there are secrets');
    Test::More::is(scalar(@told), 0, 'and none is told anywhere')
        or Test::More::diag(join("\n", @told));
}


1;
