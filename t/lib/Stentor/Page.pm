# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# A page in a real headless Chromium (t/browser/dashboard.js), which a test
# opens, waits for, looks at and clicks in.  It ends with the object.

package Stentor::Page;

use v5.36;

use IPC::Open2 ();
use JSON::PP ();
use Test::More ();

use Stentor::Node;

my $JSON = JSON::PP->new->allow_nonref;


# new(url).

sub new($class, $url) {
    my $script = "$Stentor::Node::TOP/t/browser/dashboard.js";
    my $pid = IPC::Open2::open2(my $out, my $in, 'node', $script);

    my $self = bless { pid => $pid, in => $in, out => $out }, $class;
    $self->ask('open', $url);

    return $self;
}


# The value that a verb of the script has; dies with its error.

sub ask($self, @words) {
    local $SIG{PIPE} = 'IGNORE';
    syswrite($self->{in}, JSON::PP::encode_json(\@words) . "\n");

    my $line = readline($self->{out}) // die "the browser is gone\n";
    my $answer = JSON::PP::decode_json($line);

    die "$words[0] $words[1]: $answer->{error}\n" if $answer->{error};
    return $answer->{value};
}


sub value($self, $expression) { return $self->ask('eval', $expression) }


# The test named what: the expression comes true within so many seconds.

sub becomes($self, $expression, $what, $seconds = 60) {
    my $ok = eval { $self->ask('wait', $expression, 1000 * $seconds) };

    return Test::More::ok($ok, $what)
        || Test::More::diag("$expression: $@" . join("\n",
               @{ $self->ask('errors') }, 'the page says:',
               $self->value('document.body.innerText')));
}


# The text of the first element that a selector finds.

sub text($self, $selector) {
    return $self->value('document.querySelector('
                        . $JSON->encode($selector) . ').textContent');
}


# Ends it; its exit status.

sub end($self) {
    my $pid = delete $self->{pid} // return undef;

    # not by its standard input: a child of the test may have that, too
    local $SIG{PIPE} = 'IGNORE';
    syswrite($self->{in}, qq(["quit"]\n));
    waitpid($pid, 0);

    return $? >> 8;
}


sub DESTROY($self) {
    local ($?, $@);
    $self->end();
}


1;
